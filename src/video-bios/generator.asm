; AH=11h: character sets, AH=12h: alternate functions.

; Opens plane 2 at A000h for writing, and closes it again.
open_font_plane:
                push ax
                mov ax, 0x0402
                call seq_write
                mov ax, 0x0704          ; planes one by one
                call seq_write
                mov ax, 0x0204
                call gfx_write
                mov ax, 0x0005
                call gfx_write
                mov ax, 0x0406
                call gfx_write
                pop ax
                ret

close_font_plane:
                push ax
                mov ax, 0x0302
                call seq_write
                mov ax, 0x0304
                call seq_write
                mov ax, 0x0004
                call gfx_write
                mov ax, 0x1005
                call gfx_write
                mov ax, 0x0E06
                cmp word [CRTC_PORT], 0x3B4
                jne .color
                mov ah, 0x0A
.color:         call gfx_write
                pop ax
                ret

; Loads CX characters of BH lines from ES:SI, the first with code DX, into block BL.
load_font:      pushad
                push ds
                push es
                call open_font_plane
                mov ax, es
                mov ds, ax
                mov ax, 0xA000
                mov es, ax
                movzx di, bl            ; blocks 0-3 every 16 KiB, 4-7 between
                and di, 3
                shl di, 14
                test bl, 4
                jz .block
                add di, 0x2000
.block:         shl dx, 5
                add di, dx
                jcxz .done
.character:     push cx
                push di
                movzx cx, bh
                rep movsb
                pop di
                add di, 32
                pop cx
                loop .character
.done:          pop es
                pop ds
                call close_font_plane
                popad
                ret

; The set of the present height into block 0.
load_mode_font: pushad
                push es
                call font_by_height
                mov si, di
                push cs
                pop es
                mov bh, [CHAR_HEIGHT]
                mov bl, 0
                mov cx, 256
                xor dx, dx
                call load_font
                pop es
                popad
                ret

; Makes cells of text modes AL lines high.
set_char_height:
                pusha
                xor ah, ah
                mov [CHAR_HEIGHT], ax
                mov bl, al
                mov al, 0x09
                call crtc_read
                and al, 0xE0
                mov ah, bl
                dec ah
                or ah, al
                mov al, 0x09
                call crtc_write
                mov al, 0x14            ; no underline in the middle
                mov ah, bl
                dec ah
                cmp byte [VIDEO_MODE], 7
                jne .no_underline
                call crtc_write
.no_underline:
                ; Lines on the screen by the CRTC.
                mov al, 0x07
                call crtc_read
                mov ah, al
                mov al, 0x12
                call crtc_read
                movzx cx, al
                test ah, 0x02
                jz .no_bit8
                add cx, 0x100
.no_bit8:       test ah, 0x40
                jz .no_bit9
                add cx, 0x200
.no_bit9:       inc cx
                mov ax, cx
                push ax
                mov al, 0x09
                call crtc_read
                mov bh, al
                pop ax
                test bh, 0x80
                jz .single
                shr ax, 1
.single:        div bl
                mov bh, al              ; rows
                dec al
                mov [ROWS], al
                ; The display ends with the last whole row.
                mov al, bh
                mul bl
                mov cx, ax
                push bx
                mov al, 0x09
                call crtc_read
                pop bx
                test al, 0x80
                jz .single2
                shl cx, 1
.single2:       dec cx
                mov al, 0x12
                mov ah, cl
                call crtc_write
                mov al, bh
                mul byte [COLUMNS]
                shl ax, 1
                add ax, 0x100           ; as much between pages
                mov [PAGE_SIZE], ax
                call show_cursor_shape
                popa
                ret

generator:      mov al, [bp + R_AL]
                cmp al, 0x30
                je .information
                mov ah, al
                and ah, 0xF0
                cmp ah, 0x20
                je .graphics
                test al, 0xEF           ; 00 or 10
                jz .user
                mov cl, al
                and cl, 0x0F
                cmp cl, 3
                je .blocks
                ; A set of this ROM.
                mov si, font14
                mov bh, 14
                cmp cl, 1
                je .rom
                mov si, font8
                mov bh, 8
                cmp cl, 2
                je .rom
                mov si, font16
                mov bh, 16
                cmp cl, 4
                jne .none
.rom:           push cs
                pop es
                mov bl, [bp + R_BL]
                mov cx, 256
                xor dx, dx
                jmp .load
.user:          mov es, [bp + R_ES]
                mov si, [bp + R_BP]
                mov bx, [bp + R_BX]
                mov cx, [bp + R_CX]
                mov dx, [bp + R_DX]
.load:          call load_font
                test byte [bp + R_AL], 0x10
                jz .none
                mov al, bh
                call set_char_height
.none:          ret
.blocks:        mov al, 0x03
                mov ah, [bp + R_BL]
                jmp seq_write

; Sets for graphics: only vectors.
.graphics:      xor dx, dx
                mov es, dx
                and al, 0x0F
                jz .upper
                mov cx, [bp + R_BP]
                mov dx, [bp + R_ES]
                mov bx, [bp + R_CX]     ; lines
                dec al
                jz .vector
                mov dx, cs
                mov cx, font14
                mov bx, 14
                dec al
                jz .vector
                mov cx, font8
                mov bx, 8
                dec al
                jz .vector
                mov cx, font16
                mov bx, 16
                dec al
                jnz .none
.vector:        mov [es:0x43 * 4], cx
                mov [es:0x43 * 4 + 2], dx
                mov [CHAR_HEIGHT], bx
                mov al, [bp + R_DL]
                mov bl, [bp + R_BL]
                test bl, bl
                jz .rows
                mov al, 14
                dec bl
                jz .rows
                mov al, 25
                dec bl
                jz .rows
                mov al, 43
.rows:          dec al
                mov [ROWS], al
                ret
.upper:         mov cx, [bp + R_BP]
                mov [es:0x1F * 4], cx
                mov cx, [bp + R_ES]
                mov [es:0x1F * 4 + 2], cx
                ret

.information:   mov ax, [CHAR_HEIGHT]
                mov [bp + R_CX], ax
                mov al, [ROWS]
                mov [bp + R_DL], al
                movzx bx, byte [bp + R_BH]
                cmp bl, 7
                ja .none
                xor ax, ax
                mov es, ax
                cmp bl, 1
                ja .rom_address
                mov si, 0x1F * 4
                jb .vector_address
                mov si, 0x43 * 4
.vector_address:
                mov ax, [es:si]
                mov [bp + R_BP], ax
                mov ax, [es:si + 2]
                mov [bp + R_ES], ax
                ret
.rom_address:   shl bx, 1
                mov ax, [cs:.addresses + bx]
                mov [bp + R_BP], ax
                mov [bp + R_ES], cs
                ret
.addresses:     dw 0, 0, font14, font8, font8 + 128 * 8, no_changes, font16, no_changes

; Characters that nine dots would draw otherwise: none, the hardware repeats the eighth where it must.
no_changes:     db 0

alternate:      mov al, [bp + R_BL]
                cmp al, 0x10
                je .information
                cmp al, 0x20
                je .print_screen
                sub al, 0x30
                cmp al, 6
                ja .none
                movzx bx, al
                shl bx, 1
                mov al, [bp + R_AL]
                jmp [cs:.functions + bx]
.functions:     dw .lines, .palette, .access, .greys, .emulation, .none, .refresh
.information:   xor ax, ax
                cmp word [CRTC_PORT], 0x3B4
                jne .color
                inc ah
.color:         mov bl, 3               ; 256 KiB
                mov bh, ah
                mov [bp + R_BX], bx
                mov al, [SWITCHES]
                mov cl, al
                and cl, 0x0F
                mov ch, al
                shr ch, 4
                mov [bp + R_CX], cx
                ret
.print_screen:  ret                     ; the system BIOS prints any number of rows
.lines:         cmp al, 2
                ja .none
                and byte [MODE_CONTROL], 0x6F
                mov ah, 0x80            ; 200
                test al, al
                jz .set_lines
                xor ah, ah              ; 350
                dec al
                jz .set_lines
                mov ah, 0x10            ; 400
.set_lines:     or [MODE_CONTROL], ah
                jmp .done
.palette:       and byte [MODE_CONTROL], 0xF7
                and al, 1
                shl al, 3
                or [MODE_CONTROL], al
                jmp .done
.access:        mov dx, 0x3CC           ; 0: the processor reaches video memory
                mov ah, al
                in al, dx
                or al, 0x02
                test ah, 1
                jz .enable
                and al, 0xFD
.enable:        mov dx, 0x3C2
                out dx, al
                jmp .done
.greys:         and byte [MODE_CONTROL], 0xFD
                test al, 1
                jnz .done
                or byte [MODE_CONTROL], 0x02
                jmp .done
.emulation:     and byte [VIDEO_CONTROL], 0xFE
                and al, 1
                or [VIDEO_CONTROL], al
                jmp .done
.refresh:       mov ah, al
                mov al, 1
                mov dx, 0x3C4
                out dx, al
                inc dx
                in al, dx
                and al, 0xDF
                and ah, 1
                shl ah, 5
                or al, ah
                out dx, al
.done:          mov byte [bp + R_AL], 0x12
.none:          ret
