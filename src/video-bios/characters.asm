; AH=08h-0Ah, 0Eh, 13h: characters, in text and in graphics.

; AL character; gives FS:SI -> its lines. FS is the caller's to save.
glyph:          push ax
                push bx
                push es
                xor bx, bx
                mov es, bx
                mov bx, 0x43 * 4
                cmp byte [bp + G_KIND], CGA
                jne .vector
                test al, 0x80
                jz .vector
                mov bx, 0x1F * 4        ; the upper half has a vector of its own
                and al, 0x7F
.vector:        lfs si, [es:bx]
                mul byte [CHAR_HEIGHT]
                add si, ax
                pop es
                pop bx
                pop ax
                ret

D_CHARACTER     equ -12
D_COLOR         equ -14
D_COUNT         equ -16
D_ROW           equ -18
D_COLUMN        equ -20
D_KEEP          equ -22                 ; 1: attributes stay
D_SIZE          equ 22

write_plain:    mov di, 1
                jmp write_cells
write_character:
                xor di, di
write_cells:    mov al, [bp + R_AL]
                mov bx, [bp + R_BX]
                mov cx, [bp + R_CX]
; Writes CX times AL with colour BL at the cursor of page BH; DI 1: text keeps its attributes.
put_characters: pushad
                push es
                push fs
                mov bp, sp
                sub sp, D_SIZE
                mov [bp + D_CHARACTER], al
                mov [bp + D_COLOR], bl
                mov [bp + D_COUNT], cx
                mov [bp + D_KEEP], di
                mov al, bh
                call cursor_of
                mov dx, [bx]
                movzx bx, dl
                mov [bp + D_COLUMN], bx
                mov bl, dh
                mov [bp + D_ROW], bx
                mov bl, al
                call geometry
                cmp byte [bp + G_KIND], PACKED
                je .done
                cmp byte [bp + G_KIND], TEXT
                jne .graphics
                mov ax, [bp + D_ROW]
                mov cx, [bp + D_COLUMN]
                call line_offset
                mov al, [bp + D_CHARACTER]
                mov ah, [bp + D_COLOR]
                mov cx, [bp + D_COUNT]
                jcxz .done
                cmp byte [bp + D_KEEP], 0
                jne .keep
                rep stosw
                jmp .done
.keep:          stosb
                inc di
                loop .keep
                jmp .done
.graphics:      cmp word [bp + D_COUNT], 0
                je .done
.cell:          mov ax, [bp + D_COLUMN]
                cmp ax, [COLUMNS]
                jae .done
                call draw_glyph
                inc word [bp + D_COLUMN]
                dec word [bp + D_COUNT]
                jnz .cell
.done:          mov sp, bp
                pop fs
                pop es
                popad
                ret

; Draws D_CHARACTER in its cell.
draw_glyph:     mov al, [bp + D_CHARACTER]
                call glyph
                mov ax, [bp + D_ROW]
                mul word [bp + G_HEIGHT]
                mov cx, [bp + G_HEIGHT]
                cmp byte [bp + G_KIND], PLANAR
                jne .line
                push ax
                mov ax, 0x0F02
                call seq_write
                mov ax, 0x0F01
                call gfx_write
                mov ax, 0x0003
                test byte [bp + D_COLOR], 0x80
                jz .function
                mov ah, 0x18            ; exclusive or
.function:      call gfx_write
                pop ax
.line:          push cx
                push ax
                mov cx, [bp + D_COLUMN]
                call line_offset
                mov ah, [fs:si]
                inc si
                mov bl, [bp + D_COLOR]
                mov dl, [bp + G_KIND]
                cmp dl, PLANAR
                je .planar
                cmp dl, LINEAR
                je .linear
                ; CGA: one or two bits for a pixel.
                cmp byte [VIDEO_MODE], 6
                je .one_bit
                mov cx, 8
.spread:        shl dx, 2               ; eight dots become sixteen bits
                shl ah, 1
                jnc .no_dot
                mov al, bl
                and al, 3
                or dl, al
.no_dot:        loop .spread
                xchg dl, dh
                test bl, 0x80
                jz .two_put
                xor dx, [es:di]
.two_put:       mov [es:di], dx
                jmp .next
.one_bit:       mov al, ah
                test bl, 0x80
                jz .one_put
                xor al, [es:di]
.one_put:       mov [es:di], al
                jmp .next
.linear:        mov cx, 8
.dot:           shl ah, 1
                mov al, 0
                jnc .put
                mov al, bl
.put:           stosb
                loop .dot
                jmp .next
.planar:        test bl, 0x80
                jnz .strokes
                push ax
                mov ax, 0x0000          ; background
                call gfx_write
                mov ax, 0xFF08
                call gfx_write
                pop ax
                mov [es:di], al
.strokes:       push ax
                mov al, 0x08            ; the dots alone
                call gfx_write
                mov al, 0
                mov ah, bl
                and ah, 0x0F
                call gfx_write
                pop ax
                mov al, [es:di]         ; latches
                mov [es:di], al
.next:          pop ax
                pop cx
                inc ax
                loop .again
                cmp byte [bp + G_KIND], PLANAR
                jne .done
                mov ax, 0xFF08
                call gfx_write
                mov ax, 0x0003
                call gfx_write
                mov ax, 0x0001
                call gfx_write
.done:          ret
.again:         jmp .line

; AL dots of line AX.. of the cell: bits that are set where a pixel is not black.
; AX line, CX column; gives AH
read_dots:      push bx
                push cx
                push di
                call line_offset
                mov bl, [bp + G_KIND]
                cmp bl, PLANAR
                je .planar
                cmp bl, LINEAR
                je .linear
                mov ax, [es:di]
                xchg al, ah
                cmp byte [VIDEO_MODE], 6
                je .done
                mov cx, 8
.pair:          shl bh, 1
                test ax, 0xC000
                jz .clear
                or bh, 1
.clear:         shl ax, 2
                loop .pair
                mov ah, bh
                jmp .done
.linear:        mov cx, 8
.dot:           shl ah, 1
                cmp byte [es:di], 0
                je .black
                or ah, 1
.black:         inc di
                loop .dot
                jmp .done
.planar:        xor bh, bh
                mov cx, 4
.plane:         mov al, 4
                mov ah, cl
                dec ah
                call gfx_write
                or bh, [es:di]
                loop .plane
                mov ah, bh
.done:          pop di
                pop cx
                pop bx
                ret

C_DOTS          equ -54                 ; up to 32 lines
C_SIZE          equ 54

read_character: mov bh, [bp + R_BH]
                push bp
                push es
                push fs
                mov bp, sp
                sub sp, C_SIZE
                mov al, bh
                call cursor_of
                mov dx, [bx]
                mov bl, al
                call geometry
                movzx cx, dl
                movzx ax, dh
                cmp byte [bp + G_KIND], TEXT
                jne .graphics
                call line_offset
                mov ax, [es:di]
                jmp .done
.graphics:      xor bx, bx
                cmp byte [bp + G_KIND], PACKED
                je .none
                mul word [bp + G_HEIGHT]
                xor di, di
.line:          push ax
                call read_dots
                lea si, [bp + C_DOTS]
                add si, di
                mov [ss:si], ah
                pop ax
                inc ax
                inc di
                cmp di, [bp + G_HEIGHT]
                jae .compare
                cmp di, 32
                jb .line
.compare:       mov dx, di              ; lines
                xor bx, bx
.character:     mov al, bl
                call glyph
                lea di, [bp + C_DOTS]
                mov cx, dx
.same:          mov al, [fs:si]
                cmp al, [ss:di]
                jne .other
                inc si
                inc di
                loop .same
                jmp .found
.other:         inc bl
                jnz .character
.none:          xor bx, bx
.found:         mov al, bl
                xor ah, ah
.done:          mov sp, bp
                pop fs
                pop es
                pop bp
                mov [bp + R_AX], ax
                ret

teletype:       mov al, [bp + R_AL]
                mov bl, [bp + R_BL]
                mov bh, [ACTIVE_PAGE]
                mov di, 1
; Writes AL to page BH and moves its cursor; BL colour in graphics, and in text if DI is 0.
type_character: pushad
                push bx
                call cursor_of
                mov dx, [bx]
                pop bx
                cmp al, 7
                je .done
                cmp al, 8
                je .back
                cmp al, 10
                je .feed
                cmp al, 13
                je .return
                mov cx, 1
                call put_characters
                inc dl
                cmp dl, [COLUMNS]
                jb .place
                xor dl, dl
.feed:          inc dh
                cmp dh, [ROWS]
                jbe .place
                mov dh, [ROWS]
                call place_cursor
                call scroll_page
                jmp .done
.back:          test dl, dl
                jz .done
                dec dl
                jmp .place
.return:        xor dl, dl
.place:         call place_cursor
.done:          popad
                ret

; Scrolls page BH up by a row; the new one takes the attribute at the cursor.
scroll_page:    pushad
                push es
                push bp
                mov bp, sp
                sub sp, G_SIZE
                mov bl, bh
                call geometry
                xor dh, dh              ; blank in graphics
                cmp byte [bp + G_KIND], TEXT
                jne .attribute
                push bx
                call cursor_of
                mov cx, [bx]
                pop bx
                movzx ax, ch
                xor ch, ch
                call line_offset
                mov dh, [es:di + 1]
.attribute:     mov sp, bp
                pop bp
                pop es
                mov bh, dh
                xor cx, cx
                mov dh, [ROWS]
                mov dl, [COLUMNS]
                dec dl
                mov al, 1
                mov di, 1
                call scroll_window
                popad
                ret

; AH=13h: ES:BP in the caller's frame -> string
write_string:   mov bh, [bp + R_BH]
                mov cx, [bp + R_CX]
                jcxz .done
                mov al, bh
                call cursor_of
                push word [bx]          ; where the cursor was
                mov bh, al
                mov dx, [bp + R_DX]
                call place_cursor
                mov es, [bp + R_ES]
                mov si, [bp + R_BP]
.next:          mov al, [es:si]
                inc si
                mov bl, [bp + R_BL]
                test byte [bp + R_AL], 2
                jz .type
                mov bl, [es:si]
                inc si
.type:          push cx
                xor di, di
                call type_character
                pop cx
                loop .next
                pop dx
                test byte [bp + R_AL], 1
                jnz .done
                call place_cursor
.done:          ret
