; The colours that modes start with, computed from the rules that the IBM tables follow.

; AL kind of palette
default_palette:
                pushad
                cmp al, PAL_256
                je .colors256
                mov bl, al
                mov dx, 0x3C8
                xor al, al
                out dx, al
                inc dx
                xor cl, cl              ; entry
.entry:         cmp bl, PAL_EGA
                jne .not_ega
                ; Bits 2-0 two thirds of red, green, blue; bits 5-3 one third.
                mov ah, cl
                mov ch, 3
.gun:           xor al, al
                test ah, 0x04
                jz .weak
                mov al, 0x2A
.weak:          test ah, 0x20
                jz .out
                add al, 0x15
.out:           out dx, al
                shl ah, 1
                dec ch
                jnz .gun
                jmp .next
.not_ega:       cmp bl, PAL_CGA
                jne .mono
                ; Bits 2-0 red, green, blue; bit 4 brightness; yellow without it is brown.
                xor bh, bh
                test cl, 0x10
                jz .dark
                mov bh, 0x15
.dark:          mov ah, cl
                mov ch, 3
.gun2:          mov al, bh
                test ah, 0x04
                jz .out2
                add al, 0x2A
                cmp ch, 2
                jne .out2
                push cx
                and cl, 0x17
                cmp cl, 0x06
                pop cx
                jne .out2
                mov al, 0x15
.out2:          out dx, al
                shl ah, 1
                dec ch
                jnz .gun2
                jmp .next
.mono:          mov al, cl
                shr al, 3
                and ax, 3
                mov si, ax
                mov al, [cs:mono_levels + si]
                out dx, al
                out dx, al
                out dx, al
.next:          inc cl
                cmp cl, 64
                jb .entry
                jmp .sums

.colors256:     mov al, PAL_CGA         ; 16 colours as in text
                mov dx, 0x3C8
                xor al, al
                out dx, al
                inc dx
                mov si, cga_colors
                mov cx, 16 * 3
                call out_table
                mov si, greys
                mov cx, 16
.grey:          mov al, [cs:si]
                inc si
                out dx, al
                out dx, al
                out dx, al
                loop .grey
                mov bx, levels          ; nine groups of 24 hues
.group:         mov si, hues
                mov cx, 24 * 3
.hue:           movzx di, byte [cs:si]
                inc si
                mov al, [cs:bx + di]
                out dx, al
                loop .hue
                add bx, 5
                cmp bx, levels.end
                jb .group
                mov cx, 8 * 3
                xor al, al
.black:         out dx, al
                loop .black

.sums:          push BDA
                pop ds
                test byte [MODE_CONTROL], 0x02
                jz .done
                xor bx, bx
                mov cx, 256
                call sum_greys
.done:          popad
                ret

out_table:      mov al, [cs:si]
                inc si
                out dx, al
                loop out_table
                ret

mono_levels:    db 0x00, 0x2A, 0x15, 0x3F
cga_colors:     db 0, 0, 0, 0, 0, 42, 0, 42, 0, 0, 42, 42, 42, 0, 0, 42, 0, 42, 42, 21, 0, 42, 42, 42
                db 21, 21, 21, 21, 21, 63, 21, 63, 21, 21, 63, 63, 63, 21, 21, 63, 21, 63, 63, 63, 21, 63, 63, 63
greys:          db 0, 5, 8, 11, 14, 17, 20, 24, 28, 32, 36, 40, 45, 50, 56, 63
; Five levels of each group: three brightnesses of three saturations.
levels:         db 0, 16, 31, 47, 63
                db 31, 39, 47, 55, 63
                db 45, 49, 54, 58, 63
                db 0, 7, 14, 21, 28
                db 14, 17, 21, 24, 28
                db 20, 22, 24, 26, 28
                db 0, 4, 8, 12, 16
                db 8, 10, 12, 14, 16
                db 11, 12, 13, 15, 16
.end:
; Around the colour circle from blue, in levels.
hues:           db 0, 0, 4, 1, 0, 4, 2, 0, 4, 3, 0, 4, 4, 0, 4, 4, 0, 3, 4, 0, 2, 4, 0, 1
                db 4, 0, 0, 4, 1, 0, 4, 2, 0, 4, 3, 0, 4, 4, 0, 3, 4, 0, 2, 4, 0, 1, 4, 0
                db 0, 4, 0, 0, 4, 1, 0, 4, 2, 0, 4, 3, 0, 4, 4, 0, 3, 4, 0, 2, 4, 0, 1, 4
