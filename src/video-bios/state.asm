; AH=1Ah-1Ch: display code, functionality, saving and restoring. VBE function 04h uses the same buffer.

display_code:   cmp byte [bp + R_AL], 1
                ja .none
                je .set
                movzx bx, byte [DISPLAY_CODE]
                mov [bp + R_BX], bx
                jmp .done
.set:           mov al, [bp + R_BL]
                mov [DISPLAY_CODE], al
.done:          mov byte [bp + R_AL], 0x1A
.none:          ret

functionality:  cmp word [bp + R_BX], 0
                jne .none
                mov es, [bp + R_ES]
                mov di, [bp + R_DI]
                mov ax, static_functionality
                stosw
                mov ax, cs
                stosw
                mov si, VIDEO_MODE      ; as it stands in the data area, to the CGA palette
                mov cx, 30
                rep movsb
                mov al, [ROWS]
                inc al
                stosb
                mov ax, [CHAR_HEIGHT]
                stosw
                mov al, [DISPLAY_CODE]
                xor ah, ah
                stosw
                call mode_kind
                mov bx, 16              ; colours, pages
                mov cl, 8
                cmp al, TEXT
                je .colors
                mov cl, 1
                cmp byte [VIDEO_MODE], 0x13
                jb .few
                mov bx, 256
                jmp .colors
.few:           cmp al, CGA
                jne .colors
                mov bx, 4
                cmp byte [VIDEO_MODE], 6
                jne .colors
                mov bx, 2
.colors:        mov ax, bx
                stosw
                mov al, cl
                stosb
                mov al, 2               ; scan lines: 400
                cmp byte [VIDEO_MODE], 3
                jbe .by_switch
                xor al, al
                cmp byte [CHAR_HEIGHT], 14
                jb .lines
                mov al, 1
                je .lines
                mov al, 3
                cmp byte [VIDEO_MODE], 7
                jne .lines
                mov al, 2
                jmp .lines
.by_switch:     test byte [MODE_CONTROL], 0x10
                jnz .lines
                mov al, 0
                test byte [MODE_CONTROL], 0x80
                jnz .lines
                inc al
.lines:         stosb
                xor ax, ax              ; character blocks
                stosw
                mov al, [MODE_CONTROL]  ; all modes on all displays, grey sums, palette, cursor, blinking
                and al, 0x02
                or al, 0x01
                test byte [MODE_CONTROL], 0x08
                jz .palette
                or al, 0x08
.palette:       stosb
                xor ax, ax
                stosb
                stosw
                mov al, 3               ; 256 KiB
                stosb
                xor al, al
                mov cx, 14
                rep stosb
                mov byte [bp + R_AL], 0x1B
.none:          ret

static_functionality:
                db 0xFF, 0xE0, 0x0F     ; modes 00-07, 0D-13
                dd 0
                db 0x07                 ; 200, 350, 400 lines
                db 2, 8                 ; character blocks
                dw 0x0EFF               ; functions
                dw 0
                db 0x3F                 ; save pointers
                db 0

SAVED_HARDWARE  equ 1 + 5 + 25 + 9 + 21 + 4
SAVED_DATA      equ 30 + 7 + 4 + 16
SAVED_DAC       equ 3 + 768
SAVED_CHIP      equ 0x40 + 0x1C

; CX states (1 hardware, 2 data area, 4 DAC, 8 the chip's registers); gives AX = bytes
state_size:     xor ax, ax
                test cl, 1
                jz .no_hardware
                add ax, SAVED_HARDWARE
.no_hardware:   test cl, 2
                jz .no_data
                add ax, SAVED_DATA
.no_data:       test cl, 4
                jz .no_dac
                add ax, SAVED_DAC
.no_dac:        test cl, 8
                jz .done
                add ax, SAVED_CHIP
.done:          ret

save_restore:   mov cx, [bp + R_CX]
                and cx, 7
                mov al, [bp + R_AL]
                cmp al, 1
                ja .restore
                je .save
                call state_size
                add ax, 63
                shr ax, 6
                mov [bp + R_BX], ax
                jmp .done
.save:          call save_state
                jmp .done
.restore:       cmp al, 2
                ja .none
                call restore_state
.done:          mov byte [bp + R_AL], 0x1C
.none:          ret

; Blocks of the data area: offset, length.
data_blocks:    dw VIDEO_MODE, 30, ROWS, 7, SAVE_POINTER, 4
DATA_BLOCKS     equ 3
; Vectors that go with it.
data_vectors:   dw 0x1F * 4, 0x43 * 4, 0x10 * 4, 0x42 * 4

; CX states, buffer at the caller's ES:BX
save_state:     mov es, [bp + R_ES]
                mov di, [bp + R_BX]
                test cl, 1
                jz .no_hardware
                mov dx, 0x3CC
                in al, dx
                stosb
                mov bx, 0x0500          ; sequencer: five registers from 0
                mov dx, 0x3C4
                call save_indexed
                mov bx, 0x1900
                mov dx, [CRTC_PORT]
                call save_indexed
                mov bx, 0x0900
                mov dx, 0x3CE
                call save_indexed
                xor bl, bl
.attribute:     mov al, bl
                call attr_read
                mov al, ah
                stosb
                inc bl
                cmp bl, 21
                jb .attribute
                mov ax, [CRTC_PORT]
                stosw
                xor ax, ax
                stosw
.no_hardware:   test cl, 2
                jz .no_data
                mov bx, data_blocks
                mov dx, DATA_BLOCKS
.block:         mov si, [cs:bx]
                push cx
                mov cx, [cs:bx + 2]
                rep movsb
                pop cx
                add bx, 4
                dec dx
                jnz .block
                push ds
                xor ax, ax
                mov ds, ax
                mov bx, data_vectors
.vector:        mov si, [cs:bx]
                movsw
                movsw
                add bx, 2
                cmp bx, data_vectors + 8
                jb .vector
                pop ds
.no_data:       test cl, 4
                jz .no_dac
                mov dx, 0x3C6
                in al, dx
                stosb
                mov al, 0x14
                call attr_read
                mov al, ah
                stosb
                inc di
                xor al, al
                inc dx
                out dx, al
                mov dl, 0xC9
                push cx
                mov cx, 768
.dac:           in al, dx
                stosb
                loop .dac
                pop cx
.no_dac:        test cl, 8
                jz .done
                call unlock
                mov bx, 0x4030          ; CRTC 30-6F, sequencer 08-23
                mov dx, [CRTC_PORT]
                call save_indexed
                mov bx, 0x1C08
                mov dx, 0x3C4
                call save_indexed
.done:          ret

; BH registers from index BL at port DX
save_indexed:   mov al, bl
                out dx, al
                inc dx
                in al, dx
                dec dx
                stosb
                inc bl
                dec bh
                jnz save_indexed
                ret

restore_indexed:
                mov al, bl
                mov ah, [es:si]
                inc si
                out dx, ax
                inc bl
                dec bh
                jnz restore_indexed
                ret

restore_state:  mov es, [bp + R_ES]
                mov si, [bp + R_BX]
                test cl, 8
                jz .chip_later
                call unlock
                ; It lies last in the buffer, but acts first: it says what the others mean.
                push cx
                push si
                and cl, 7
                call state_size
                add si, ax
                mov bx, 0x4030
                mov dx, [CRTC_PORT]
                call restore_indexed
                mov bx, 0x1C08
                mov dx, 0x3C4
                call restore_indexed
                call unlock
                pop si
                pop cx
.chip_later:    test cl, 1
                jz .no_hardware
                mov dx, 0x3C2
                mov al, [es:si]
                inc si
                out dx, al
                mov dx, 0x3D4
                test al, 1
                jnz .color
                mov dl, 0xB4
.color:         mov [CRTC_PORT], dx
                push dx
                mov bx, 0x0500
                mov dx, 0x3C4
                call restore_indexed
                pop dx
                mov ax, 0x0011
                out dx, ax
                mov bx, 0x1900
                call restore_indexed
                mov bx, 0x0900
                mov dx, 0x3CE
                call restore_indexed
                xor bl, bl
.attribute:     mov al, bl
                mov ah, [es:si]
                inc si
                call attr_write
                inc bl
                cmp bl, 21
                jb .attribute
                call attr_on
                add si, 4
.no_hardware:   test cl, 2
                jz .no_data
                mov bx, data_blocks
                mov dx, DATA_BLOCKS
.block:         mov di, [cs:bx]
                push cx
                mov cx, [cs:bx + 2]
.byte:          mov al, [es:si]
                inc si
                mov [di], al
                inc di
                loop .byte
                pop cx
                add bx, 4
                dec dx
                jnz .block
                push ds
                xor ax, ax
                mov ds, ax
                mov bx, data_vectors
.vector:        mov di, [cs:bx]
                mov eax, [es:si]
                add si, 4
                mov [di], eax
                add bx, 2
                cmp bx, data_vectors + 8
                jb .vector
                pop ds
.no_data:       test cl, 4
                jz .done
                mov dx, 0x3C6
                mov al, [es:si]
                out dx, al
                mov al, 0x14
                mov ah, [es:si + 1]
                call attr_write
                call attr_on
                add si, 3
                mov dx, 0x3C8
                xor al, al
                out dx, al
                inc dx
                push cx
                mov cx, 768
.dac:           mov al, [es:si]
                inc si
                out dx, al
                loop .dac
                pop cx
.done:          ret
