; VBE function 02h: sets a mode.

vbe_set_mode:   mov ax, [bp + R_BX]
                and ax, 0x3FFF
                cmp ax, 0x100
                jae .vbe
                mov ah, [bp + R_BH]     ; bit 15: keep memory
                and ah, 0x80
                or al, ah
                mov [bp + R_AL], al
                and al, 0x7F
                call find_mode
                jc vbe_failed
                call set_mode
                mov word [bp + R_AX], OK
                ret
.vbe:           call vbe_find
                jc vbe_failed
                mov word [CRTC_PORT], 0x3D4
                and byte [EQUIPMENT], 0xCF
                or byte [EQUIPMENT], 0x20
                mov dx, 0x3C2
                mov al, 0x2F            ; colour addresses, programmed clock
                out dx, al
                call plain_vga
                push bx
                mov bx, par_12
                cmp byte [cs:di], 4
                je .base
                mov bx, par_13
.base:          call load_registers
                pop bx
                mov dx, 0x3C2
                mov al, 0x2F
                out dx, al

                mov ax, 0x0011          ; CRTC protection off again
                call crtc_write
                mov al, 0x12            ; clock
                mov ah, [cs:bx + T_CLOCK]
                call seq_write
                mov al, 0x13
                mov ah, [cs:bx + T_CLOCK + 1]
                call seq_write
                call horizontal_timing
                call vertical_timing

                mov ax, 0x0931          ; banks, memory beyond 256 KiB
                call crtc_write
                mov al, 0x67
                mov ah, [cs:di + B_CR67]
                call crtc_write
                mov al, 0x50
                mov ah, [cs:bx + T_ENGINE]
                or ah, [cs:di + B_CR50]
                call crtc_write
                mov ax, 0x0014          ; byte addressing
                call crtc_write
                mov ax, 0xE317
                call crtc_write
                call vbe_pitch
                cmp byte [cs:di], 4
                je .planar
                shr ax, 3
                call set_offset
                mov ax, 0x153A          ; packed pixels
                call crtc_write
                mov al, PAL_256
                jmp .palette
.planar:        shr ax, 1
                call set_offset
                mov al, PAL_EGA
.palette:       call default_palette

                ; Data area.
                push bx
                push di
                mov ax, [cs:bx + T_X]
                shr ax, 3
                mov [COLUMNS], ax
                mov ax, [cs:bx + T_Y]
                shr ax, 4
                dec al
                mov [ROWS], al
                mov bx, par_12
                push word [COLUMNS]
                push word [ROWS]
                call mode_data
                pop ax
                mov [ROWS], al
                pop word [COLUMNS]
                mov word [PAGE_SIZE], 0
                pop di
                pop bx
                mov al, 0x7F
                cmp byte [cs:di], 4
                jne .mode
                mov al, 0x6A
.mode:          mov [VIDEO_MODE], al
                and byte [VIDEO_CONTROL], 0x7F
                test byte [bp + R_BH], 0x80
                jnz .kept
                call clear_vbe
                jmp .number
.kept:          or byte [VIDEO_CONTROL], 0x80
.number:        mov al, 0x41
                mov ah, [bp + R_BL]
                call crtc_write
                mov al, 0x52
                mov ah, [bp + R_BH]
                and ah, 0x43
                call crtc_write
                cmp byte [cs:di], 4     ; planes have no linear window
                je .on
                test byte [bp + R_BH], 0x40
                jz .on
                mov ax, 0x1358
                call crtc_write
.on:            mov ax, 0x0101
                call seq_write
                jmp attr_on

; AX pixels; gives AX characters of the CRTC. DI -> depth
characters:     push dx
                movzx dx, byte [cs:di + B_STRETCH]
                mul dx
                shrd ax, dx, 3
                pop dx
                ret

; CRTC register = CL
%macro crt 1
                mov ah, cl
                mov al, %1
                call crtc_write
%endmacro
; Bit %1 of CX to bit %2 of SI
%macro overflow 2
                bt cx, %1
                jnc %%clear
                or si, 1 << %2
%%clear:
%endmacro

horizontal_timing:
                push si
                xor si, si              ; CR5D
                mov ax, [cs:bx + T_H_TOTAL]
                call characters
                sub ax, 5
                mov cx, ax
                crt 0x00
                overflow 8, 0
                ; Blanking ends with the line; bit 5 of its end is in CR05.
                mov dx, cx
                add dx, 4
                mov cx, dx
                and cl, 0x1F
                or cl, 0x80
                crt 0x03
                mov ax, [cs:bx + T_X]
                call characters
                mov cx, ax
                crt 0x02
                overflow 8, 2
                dec cx
                crt 0x01
                overflow 8, 1
                mov ax, [cs:bx + T_H_SYNC]
                call characters
                mov cx, ax
                crt 0x04
                overflow 8, 4
                mov ax, [cs:bx + T_H_SYNC_END]
                call characters
                mov cx, ax
                and cl, 0x1F
                test dl, 0x20
                jz .end
                or cl, 0x80
.end:           crt 0x05
                mov cx, si
                crt 0x5D
                pop si
                ret

vertical_timing:
                push si
                push bp
                xor si, si              ; CR07
                xor bp, bp              ; CR5E
                mov dl, [cs:bx + T_SCAN]
                mov cx, [cs:bx + T_V_TOTAL]
                sub cx, 2
                crt 0x06
                overflow 8, 0
                overflow 9, 5
                bt cx, 10
                jnc .total
                or bp, 0x01
.total:         inc cx                  ; blanking to the end of the frame
                crt 0x16
                mov cx, [cs:bx + T_LINES]
                crt 0x15
                overflow 8, 3
                bt cx, 9
                jnc .blank
                or dl, 0x20
.blank:         bt cx, 10
                jnc .blank10
                or bp, 0x04
.blank10:       dec cx
                crt 0x12
                overflow 8, 1
                overflow 9, 6
                bt cx, 10
                jnc .display
                or bp, 0x02
.display:       mov cx, [cs:bx + T_V_SYNC]
                crt 0x10
                overflow 8, 2
                overflow 9, 7
                bt cx, 10
                jnc .sync
                or bp, 0x10
.sync:          mov cx, [cs:bx + T_V_SYNC_END]
                and cl, 0x0F
                crt 0x11
                or si, 0x10             ; no split screen
                mov cx, si
                crt 0x07
                mov cl, 0xFF
                crt 0x18
                mov cl, dl
                crt 0x09
                or bp, 0x40
                mov cx, bp
                crt 0x5E
                pop bp
                pop si
                ret

; AX: CR13 with its bits 8 and 9 in CR51
set_offset:     push ax
                push cx
                mov cx, ax
                crt 0x13
                mov al, 0x51
                call crtc_read
                and al, 0xCF
                shl ch, 4
                and ch, 0x30
                or al, ch
                mov ah, al
                mov al, 0x51
                call crtc_write
                pop cx
                pop ax
                ret

; Clears what memory the mode shows, bank by bank.
clear_vbe:      pushad
                push es
                call vbe_pitch
                movzx eax, ax
                movzx ecx, word [cs:bx + T_Y]
                mul ecx
                add eax, 0xFFFF
                shr eax, 16
                mov bx, ax
                mov ax, 0xA000
                mov es, ax
                xor dx, dx
.bank:          call select_bank
                xor edi, edi
                mov ecx, 0x4000
                xor eax, eax
                a32 rep stosd
                inc dx
                cmp dx, bx
                jb .bank
                xor dx, dx
                call select_bank
                pop es
                popad
                ret
