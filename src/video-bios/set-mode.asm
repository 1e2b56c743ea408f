; AH=00h: sets one of the VGA's modes.

; AL mode; gives SI -> entry, carry if there is none
find_mode:      mov si, mode_table
.next:          cmp al, [cs:si]
                je .found
                add si, MODE_SIZE
                cmp si, mode_table_end
                jb .next
                stc
                ret
.found:         clc
                ret

; Kind of the present mode in AL; keeps all else.
mode_kind:      push si
                mov al, [VIDEO_MODE]
                cmp al, 0x6A            ; planar VBE modes
                je .planar
                call find_mode
                mov al, PACKED
                jc .done
                mov al, [cs:si + 1]
                jmp .done
.planar:        mov al, PLANAR
.done:          pop si
                ret

set_mode:       mov al, [bp + R_AL]
                mov ah, al
                and ax, 0x807F
                call find_mode
                jnc .known
                ret
.known:         and byte [VIDEO_CONTROL], 0x7F
                or [VIDEO_CONTROL], ah
                mov [VIDEO_MODE], al
                mov bl, 0x30            ; what is left in AL
                cmp al, 6
                jb .left
                mov bl, 0x3F
                je .left
                mov bl, 0x30
                cmp al, 7
                je .left
                mov bl, 0x20
.left:          mov [bp + R_AL], bl

                mov bx, [cs:si + 5]     ; parameters
                mov ah, [MODE_CONTROL]
                cmp al, 3
                ja .lines_known
                and ah, 0x90            ; 00 350 lines, 10 400, 80 200
                cmp ah, 0x10
                je .lines_known
                add bx, par_text40_350 - par_text40
                test ah, 0x80
                jz .lines_known
                add bx, par_text40_200 - par_text40_350
.lines_known:
                ; Where the CRTC is.
                mov word [CRTC_PORT], 0x3D4
                and byte [EQUIPMENT], 0xCF
                mov ah, 0x20
                test byte [cs:bx + P_MISC], 1
                jnz .color
                mov word [CRTC_PORT], 0x3B4
                mov ah, 0x30
.color:         or [EQUIPMENT], ah
                mov al, [cs:bx + P_MISC] ; first: it decides where the CRTC answers
                mov dx, 0x3C2
                out dx, al
                call plain_vga
                call load_registers

                test byte [MODE_CONTROL], 0x08
                jnz .palette_kept
                mov al, [cs:si + 2]
                call default_palette
.palette_kept:
                call mode_data
                test byte [VIDEO_CONTROL], 0x80
                jnz .memory_kept
                call clear_memory
.memory_kept:   cmp byte [cs:si + 1], TEXT
                jne .graphics
                call load_mode_font
                call show_cursor_shape
.graphics:      mov ax, 0x0001          ; screen on: as the parameters have it
                mov ah, [cs:bx + P_SEQ]
                call seq_write
                jmp attr_on

; BX -> parameters: loads all registers, with the screen off.
load_registers: push si
                mov ax, 0x0100          ; reset
                call seq_write
                mov ax, 0x2001
                or ah, [cs:bx + P_SEQ]
                call seq_write
                mov si, 1
.seq:           mov ax, si
                inc ax
                mov ah, [cs:bx + P_SEQ + si]
                call seq_write
                inc si
                cmp si, 4
                jb .seq
                mov al, [cs:bx + P_MISC]
                mov dx, 0x3C2
                out dx, al
                mov ax, 0x0300
                call seq_write
                mov ax, 0x0011          ; CRTC protection off
                call crtc_write
                xor si, si
.crtc:          mov ax, si
                mov ah, [cs:bx + P_CRTC + si]
                call crtc_write
                inc si
                cmp si, 25
                jb .crtc
                xor si, si
.gfx:           mov ax, si
                mov ah, [cs:bx + P_GFX + si]
                call gfx_write
                inc si
                cmp si, 9
                jb .gfx
                xor si, si
.attr:          mov ax, si
                mov ah, [cs:bx + P_ATTR + si]
                call attr_write
                inc si
                cmp si, 20
                jb .attr
                mov ax, 0x0014
                call attr_write
                mov dx, 0x3C6
                mov al, 0xFF
                out dx, al
                pop si
                ret

; BX -> parameters: fills the data area in.
mode_data:      push es
                push ds
                pop es
                movzx ax, byte [cs:bx + P_COLUMNS]
                mov [COLUMNS], ax
                mov al, [cs:bx + P_ROWS]
                mov [ROWS], al
                movzx ax, byte [cs:bx + P_HEIGHT]
                mov [CHAR_HEIGHT], ax
                mov ax, [cs:bx + P_PAGE]
                mov [PAGE_SIZE], ax
                mov word [PAGE_START], 0
                mov di, CURSORS
                mov cx, 8
                xor ax, ax
                rep stosw
                mov byte [ACTIVE_PAGE], 0
                mov word [CURSOR_SHAPE], 0x0607
                mov byte [CGA_MODE], 0x29
                mov byte [CGA_PALETTE], 0x30
                ; The character sets that vectors lead to.
                mov es, ax
                mov word [es:0x1F * 4], font8 + 128 * 8
                mov [es:0x1F * 4 + 2], cs
                call font_by_height
                mov [es:0x43 * 4], di
                mov [es:0x43 * 4 + 2], cs
                pop es
                ret

; Character set of the present height: CS:DI.
font_by_height: mov di, font16
                cmp byte [CHAR_HEIGHT], 14
                ja .done
                mov di, font14
                je .done
                mov di, font8
.done:          ret

; SI -> mode entry
clear_memory:   push es
                push word [cs:si + 3]
                pop es
                xor di, di
                mov cx, 0x4000          ; words: 32 KiB
                xor ax, ax
                cmp byte [cs:si + 1], CGA
                je .fill
                jb .text
                mov cx, 0x8000
                jmp .fill
.text:          mov ax, 0x0720
.fill:          rep stosw
                pop es
                ret
