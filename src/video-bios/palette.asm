; AH=0Bh and 10h: palette registers and the DAC.

cga_palette:    mov ax, [bp + R_BX]
                test ah, ah
                jnz .select
                ; Border, and background of the 320 by 200 modes.
                mov bl, al
                and bl, 0x1F
                and byte [CGA_PALETTE], 0xE0
                or [CGA_PALETTE], bl
                mov ah, al
                and ah, 0x07
                test al, 0x08
                jz .dark
                or ah, 0x10
.dark:          push ax
                mov al, 0x11
                call attr_write
                pop ax
                call mode_kind_graphics
                jnz .done
                mov al, 0
                call attr_write
                jmp .done
.select:        ; One of two sets of three colours: green, red, brown or cyan, magenta, white.
                and byte [CGA_PALETTE], 0xDF
                and al, 1
                shl al, 5
                or [CGA_PALETTE], al
                shr al, 5
                mov bl, al
                mov ax, 0x0201          ; registers 1 to 3: 2, 4, 6 plus the set
                mov cx, 3
.color:         push ax
                and ah, 0xEE
                mov bh, ah
                and bh, 0x06
                or bh, bl
                push ax
                mov ah, bh
                test byte [CGA_PALETTE], 0x10
                jz .write
                or ah, 0x10
.write:         call attr_write
                pop ax
                pop ax
                inc al
                add ah, 2
                loop .color
.done:          jmp attr_on

; Zero flag set in graphics modes; keeps AX.
mode_kind_graphics:
                push ax
                call mode_kind
                cmp al, TEXT
                mov ah, 0
                je .text
                xor al, al
                pop ax
                ret
.text:          or al, 1
                pop ax
                ret

palette:        mov al, [bp + R_AL]
                cmp al, 0x1B
                ja .none
                movzx bx, al
                shl bx, 1
                jmp [cs:.functions + bx]
.none:          ret
.functions:     dw .set, .border, .set_all, .blink, .none, .none, .none, .get
                dw .get_border, .get_all, .none, .none, .none, .none, .none, .none
                dw .dac_set, .none, .dac_block, .dac_paging, .none, .dac_get, .none, .dac_get_block
                dw .mask_set, .mask_get, .dac_state, .grey

.set:           mov al, [bp + R_BL]
                mov ah, [bp + R_BH]
                cmp al, 0x14
                ja .none
                call attr_write
                jmp attr_on
.border:        mov al, 0x11
                mov ah, [bp + R_BH]
                call attr_write
                jmp attr_on
.set_all:       mov es, [bp + R_ES]
                mov si, [bp + R_DX]
                xor bl, bl
.set_next:      mov ah, [es:si]
                inc si
                mov al, bl
                call attr_write
                inc bl
                cmp bl, 16
                jb .set_next
                mov al, 0x11
                mov ah, [es:si]
                call attr_write
                jmp attr_on
.blink:         mov al, 0x10
                call attr_read
                and ah, 0xF7
                cmp byte [bp + R_BL], 0
                je .blink_write
                or ah, 0x08
.blink_write:   mov al, 0x10
                call attr_write
                jmp attr_on
.get:           mov al, [bp + R_BL]
                call attr_read
                mov [bp + R_BH], ah
                ret
.get_border:    mov al, 0x11
                call attr_read
                mov [bp + R_BH], ah
                ret
.get_all:       mov es, [bp + R_ES]
                mov di, [bp + R_DX]
                xor bl, bl
.get_next:      mov al, bl
                call attr_read
                mov al, ah
                stosb
                inc bl
                cmp bl, 16
                jb .get_next
                mov al, 0x11
                call attr_read
                mov [es:di], ah
                ret

.dac_set:       mov al, [bp + R_BL]
                mov dx, 0x3C8
                out dx, al
                inc dx
                mov al, [bp + R_DH]
                out dx, al
                mov al, [bp + R_CH]
                out dx, al
                mov al, [bp + R_CL]
                out dx, al
                ret
.dac_block:     mov es, [bp + R_ES]
                mov si, [bp + R_DX]
                mov al, [bp + R_BL]
                mov dx, 0x3C8
                out dx, al
                inc dx
                mov cx, [bp + R_CX]
                mov ax, cx
                shl cx, 1
                add cx, ax
                jcxz .dac_done
.dac_out:       mov al, [es:si]
                inc si
                out dx, al
                loop .dac_out
.dac_done:      ret
.dac_paging:    mov al, 0x10
                call attr_read
                mov bx, [bp + R_BX]
                test bl, bl
                jnz .page
                and ah, 0x7F
                shl bh, 7
                or ah, bh
                mov al, 0x10
                call attr_write
                jmp attr_on
.page:          test ah, 0x80           ; pages of 16, or of 64
                jnz .page_write
                shl bh, 2
.page_write:    mov ah, bh
                and ah, 0x0F
                mov al, 0x14
                call attr_write
                jmp attr_on
.dac_get:       mov al, [bp + R_BL]
                mov dx, 0x3C7
                out dx, al
                mov dl, 0xC9
                in al, dx
                mov [bp + R_DH], al
                in al, dx
                mov [bp + R_CH], al
                in al, dx
                mov [bp + R_CL], al
                ret
.dac_get_block: mov es, [bp + R_ES]
                mov di, [bp + R_DX]
                mov al, [bp + R_BL]
                mov dx, 0x3C7
                out dx, al
                mov dl, 0xC9
                mov cx, [bp + R_CX]
                mov ax, cx
                shl cx, 1
                add cx, ax
                jcxz .dac_done
.dac_in:        in al, dx
                stosb
                loop .dac_in
                ret
.mask_set:      mov al, [bp + R_BL]
                mov dx, 0x3C6
                out dx, al
                ret
.mask_get:      mov dx, 0x3C6
                in al, dx
                mov [bp + R_BL], al
                ret
.dac_state:     mov al, 0x10
                call attr_read
                mov bl, ah
                shr bl, 7
                mov al, 0x14
                call attr_read
                test bl, bl
                jnz .state_done
                shr ah, 2
.state_done:    mov bh, ah
                mov [bp + R_BX], bx
                ret
.grey:          movzx bx, byte [bp + R_BL]
                mov cx, [bp + R_CX]

; Turns CX colours from BX on into greys of 30 % red, 59 % green and 11 % blue.
sum_greys:      jcxz .done
.next:          mov dx, 0x3C7
                mov al, bl
                out dx, al
                mov dl, 0xC9
                push bx
                in al, dx
                mov ah, 77
                mul ah
                mov bx, ax
                in al, dx
                mov ah, 151
                mul ah
                add bx, ax
                in al, dx
                mov ah, 28
                mul ah
                add ax, bx
                add ax, 0x80
                mov al, ah
                cmp al, 0x3F
                jbe .level
                mov al, 0x3F
.level:         pop bx
                xchg al, ah
                mov dl, 0xC8
                mov al, bl
                out dx, al
                inc dx
                mov al, ah
                out dx, al
                out dx, al
                out dx, al
                inc bl
                loop .next
.done:          ret
