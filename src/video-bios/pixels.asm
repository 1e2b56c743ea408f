; AH=0Ch, 0Dh: single pixels.

; Offset of column CX, line DX in page BH: ES:DI, and AH = its bit(s)
X_SIZE          equ G_SIZE

write_pixel:    mov si, bp              ; the caller's frame
                push bp
                push es
                mov bp, sp
                sub sp, X_SIZE
                mov bl, [ss:si + R_BH]
                call geometry
                call pixel_address
                mov bl, [ss:si + R_AL]
                mov dl, [bp + G_KIND]
                cmp dl, LINEAR
                je .linear
                cmp dl, PLANAR
                je .planar
                cmp dl, CGA
                jne .done
                ; AH mask, CL shift
                mov al, bl
                shl al, cl
                and al, ah
                test bl, 0x80
                jnz .xor
                not ah
                and [es:di], ah
                or [es:di], al
                jmp .done
.xor:           xor [es:di], al
                jmp .done
.linear:        mov [es:di], bl
                jmp .done
.planar:        mov al, 0x08
                call gfx_write
                mov ax, 0x0F02
                call seq_write
                mov ax, 0x0F01
                call gfx_write
                mov ax, 0x0003
                test bl, 0x80
                jz .function
                mov ah, 0x18
.function:      call gfx_write
                mov al, 0
                mov ah, bl
                and ah, 0x0F
                call gfx_write
                mov al, [es:di]
                mov [es:di], al
                mov ax, 0xFF08
                call gfx_write
                mov ax, 0x0003
                call gfx_write
                mov ax, 0x0001
                call gfx_write
.done:          mov sp, bp
                pop es
                pop bp
                ret

; SS:SI -> frame of the caller; gives ES:DI, AH mask and CL shift of the pixel within its byte
pixel_address:  mov ax, [ss:si + R_DX]
                mov cx, [ss:si + R_CX]
                push cx
                mov dl, [bp + G_KIND]
                cmp dl, LINEAR
                je .linear
                push cx
                xor cx, cx
                call line_offset
                pop cx
                cmp dl, PLANAR
                je .eighth
                cmp byte [VIDEO_MODE], 6
                je .eighth
                shr cx, 2               ; four pixels in a byte
                add di, cx
                pop cx
                not cl
                and cl, 3
                shl cl, 1
                mov ah, 3
                shl ah, cl
                ret
.eighth:        shr cx, 3
                add di, cx
                pop cx
                not cl
                and cl, 7
                mov ah, 1
                shl ah, cl
                ret
.linear:        xor cx, cx
                call line_offset
                pop cx
                add di, cx
                ret

read_pixel:     mov si, bp
                push bp
                push es
                mov bp, sp
                sub sp, X_SIZE
                mov bl, [ss:si + R_BH]
                call geometry
                call pixel_address
                mov dl, [bp + G_KIND]
                cmp dl, PLANAR
                je .planar
                mov al, [es:di]
                cmp dl, CGA
                jne .done
                and al, ah
                shr al, cl
                jmp .done
.planar:        xor bl, bl
                mov bh, ah
                mov cx, 4
.plane:         shl bl, 1
                mov al, 4
                mov ah, cl
                dec ah
                call gfx_write
                test [es:di], bh
                jz .clear
                or bl, 1
.clear:         loop .plane
                mov al, bl
.done:          mov [ss:si + R_AL], al
                mov sp, bp
                pop es
                pop bp
                ret
