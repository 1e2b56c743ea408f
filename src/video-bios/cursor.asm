; AH=01h-03h, 05h: cursor and pages.

set_cursor_shape:
                mov ax, [bp + R_CX]
                mov [CURSOR_SHAPE], ax
; Puts the shape into the CRTC; shapes for cells of eight lines are stretched.
show_cursor_shape:
                pusha
                mov cx, [CURSOR_SHAPE]
                test ch, 0x60
                jnz .write
                test byte [VIDEO_CONTROL], 1
                jnz .write
                mov bl, [CHAR_HEIGHT]
                cmp bl, 8
                jbe .write
                mov al, ch
                or al, cl
                cmp al, 8
                jae .write
                mov al, ch
                inc al
                cmp al, cl              ; an underline stays at the bottom
                je .underline
                mul bl
                shr ax, 3
                dec ax
                mov ch, al
                jmp .end
.underline:     mov ch, bl
                sub ch, 3
                mov cl, bl
                sub cl, 2
                jmp .write
.end:           mov al, cl
                inc al
                mul bl
                shr ax, 3
                dec ax
                mov cl, al
.write:         mov al, 0x0A
                mov ah, ch
                call crtc_write
                mov al, 0x0B
                mov ah, cl
                call crtc_write
                popa
                ret

; BH page; gives BX = offset of its cursor in the data area
cursor_of:      movzx bx, bh
                and bl, 7
                shl bx, 1
                add bx, CURSORS
                ret

set_cursor:     mov bh, [bp + R_BH]
                mov dx, [bp + R_DX]
; BH page, DX row and column
place_cursor:   pusha
                mov al, bh
                call cursor_of
                mov [bx], dx
                cmp al, [ACTIVE_PAGE]
                jne .done
                call crtc_cursor
.done:          popa
                ret

; Shows the cursor of the active page.
crtc_cursor:    pusha
                mov bh, [ACTIVE_PAGE]
                call cursor_of
                mov dx, [bx]
                movzx ax, dh
                mul byte [COLUMNS]
                xor dh, dh
                add ax, dx
                mov bx, [PAGE_START]
                shr bx, 1
                add bx, ax
                mov al, 0x0E
                mov ah, bh
                call crtc_write
                mov al, 0x0F
                mov ah, bl
                call crtc_write
                popa
                ret

get_cursor:     mov bh, [bp + R_BH]
                call cursor_of
                mov ax, [bx]
                mov [bp + R_DX], ax
                mov ax, [CURSOR_SHAPE]
                mov [bp + R_CX], ax
                ret

set_page:       mov al, [bp + R_AL]
                cmp al, 8
                jae .done
                mov [ACTIVE_PAGE], al
                movzx ax, al
                mul word [PAGE_SIZE]
                mov [PAGE_START], ax
                mov bx, ax
                call mode_kind
                cmp al, TEXT
                jne .start
                shr bx, 1
.start:         mov al, 0x0C
                mov ah, bh
                call crtc_write
                mov al, 0x0D
                mov ah, bl
                call crtc_write
                call crtc_cursor
.done:          ret
