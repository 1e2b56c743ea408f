; VBE functions 05h-07h: bank, length of lines, start of the display.

; DX bank of 64 KiB; in planar modes of 64 Ki addresses
select_bank:    push ax
                mov ah, dl
                cmp byte [VIDEO_MODE], 0x6A
                jne .packed
                shl ah, 2
.packed:        mov al, 0x6A
                call crtc_write
                pop ax
                ret

; For far calls: BX and DX as for the function; AX and DX may change.
vbe_window_far: push ds
                push BDA
                pop ds
                test bh, bh
                jnz .get
                call select_bank
                pop ds
                mov ax, OK
                retf
.get:           call present_bank
                pop ds
                mov ax, OK
                retf

present_bank:   mov al, 0x6A
                call crtc_read
                movzx dx, al
                cmp byte [VIDEO_MODE], 0x6A
                jne .done
                shr dx, 2
.done:          ret

vbe_window:     call vbe_current
                test ax, ax
                jz .wrong
                test ah, 0x40           ; none while the window is linear
                jnz .wrong
                cmp byte [bp + R_BL], 0
                jne vbe_failed
                mov dx, [bp + R_DX]
                cmp byte [bp + R_BH], 1
                ja vbe_failed
                je .get
                push dx
                call memory_blocks
                pop dx
                cmp byte [VIDEO_MODE], 0x6A
                jne .packed
                shr ax, 2
.packed:        cmp dx, ax
                jae vbe_failed
                jmp select_bank
.get:           call present_bank
                mov [bp + R_DX], dx
                ret
.wrong:         mov word [bp + R_AX], WRONG_MODE
                ret

; Present mode: SI, BX, DI as of `vbe_find`; carry if there is none.
present_mode:   call vbe_current
                and ax, 0x03FF
                jmp vbe_find

; Present length of lines in bytes (of one plane): AX. DI -> depth
present_pitch:  push cx
                mov al, 0x51
                call crtc_read
                mov ch, al
                shr ch, 4
                and ch, 3
                mov al, 0x13
                call crtc_read
                mov ah, ch
                mov cl, 3
                cmp byte [cs:di], 4
                jne .packed
                mov cl, 1
.packed:        shl ax, cl
                pop cx
                ret

vbe_line_length:
                call present_mode
                jc vbe_window.wrong
                mov cx, [bp + R_CX]
                mov al, [bp + R_BL]
                test al, al
                jz .pixels
                dec al
                jz .report
                dec al
                jz .bytes
                dec al
                jnz vbe_failed
                ; The longest: what the offset register can say, on whole pixels.
                mov ax, 0x3FF * 8
                cmp byte [cs:di], 4
                jne .longest
                mov ax, 0x3FF * 2
.longest:       call report_pitch
                ret
.pixels:        mov ax, cx
                movzx dx, byte [cs:di + B_EIGHT]
                mul dx
                add ax, 7
                adc dx, 0
                shrd ax, dx, 3
                shr dx, 3
                jnz vbe_failed
                mov cx, ax
.bytes:         push bx
                call vbe_pitch          ; not less than the mode needs
                pop bx
                cmp cx, ax
                jb vbe_failed
                mov ax, cx
                cmp byte [cs:di], 4
                je .planar
                add ax, 7
                shr ax, 3
                jmp .set
.planar:        inc ax
                shr ax, 1
.set:           cmp ax, 0x3FF
                ja vbe_failed
                call set_offset
.report:        call present_pitch
report_pitch:   mov [bp + R_BX], ax
                movzx ecx, ax           ; bytes
                movzx eax, ax
                shl eax, 3
                movzx esi, byte [cs:di + B_EIGHT]
                xor edx, edx
                div esi
                mov [bp + R_CX], ax     ; pixels
                call memory_blocks
                shl eax, 16
                cmp byte [cs:di], 4
                jne .packed
                shr eax, 2
.packed:        xor edx, edx
                div ecx
                mov [bp + R_DX], ax     ; lines
                ret

vbe_display_start:
                call present_mode
                jc vbe_window.wrong
                mov al, [bp + R_BL]
                cmp al, 1
                je .get
                and al, 0x7F
                jnz vbe_failed
                call present_pitch
                movzx eax, ax
                movzx edx, word [bp + R_DX]
                mul edx
                mov ecx, eax            ; bytes to the line
                movzx eax, word [bp + R_CX]
                movzx esi, byte [cs:di + B_EIGHT]
                mul esi
                shr eax, 3
                add eax, ecx
                cmp byte [cs:di], 4     ; planes count addresses, the others double words
                je .planar
                shr eax, 2
.planar:        cmp eax, 0x1FFFFF
                ja vbe_failed
                test byte [bp + R_BL], 0x80
                jz .now
                call wait_retrace
.now:           mov ecx, eax
                mov al, 0x0D
                mov ah, cl
                call crtc_write
                mov al, 0x0C
                mov ah, ch
                call crtc_write
                shr ecx, 16
                mov al, 0x69
                mov ah, cl
                call crtc_write
                cmp byte [cs:di], 4
                jne .done
                mov al, 0x13            ; single pixels of planar modes
                mov ah, [bp + R_CL]
                and ah, 7
                call attr_write
                call attr_on
.done:          ret
.get:           mov al, 0x69
                call crtc_read
                movzx ecx, al
                shl ecx, 16
                mov al, 0x0C
                call crtc_read
                mov ch, al
                mov al, 0x0D
                call crtc_read
                mov cl, al
                call present_pitch
                movzx esi, ax
                mov eax, ecx
                cmp byte [cs:di], 4
                je .addresses
                shl eax, 2
.addresses:     xor edx, edx
                div esi
                mov [bp + R_DX], ax     ; line
                mov eax, edx
                shl eax, 3
                movzx esi, byte [cs:di + B_EIGHT]
                xor edx, edx
                div esi
                mov [bp + R_CX], ax
                mov byte [bp + R_BH], 0
                ret

; Until vertical retrace begins.
wait_retrace:   push ax
                push dx
                mov dx, [CRTC_PORT]
                add dl, 6
.in:            in al, dx
                test al, 8
                jnz .in
.out:           in al, dx
                test al, 8
                jz .out
                pop dx
                pop ax
                ret
