; VBE function 0Ah: the same three functions for 32-bit protected mode, which their callers copy anywhere.

vbe_protected:  cmp byte [bp + R_BL], 0
                jne vbe_failed
                mov [bp + R_ES], cs
                mov word [bp + R_DI], protected_table
                mov word [bp + R_CX], protected_end - protected_table
                ret

                align 4, db 0
protected_table:
                dw protected_window - protected_table
                dw protected_start - protected_table
                dw protected_palette - protected_table
                dw protected_ports - protected_table
protected_ports:
                dw 0x3C8, 0x3C9, 0x3D4, 0x3D5, 0x3DA, 0xFFFF
                dw 0xFFFF               ; no memory

                bits 32
; BL window, DX bank
protected_window:
                push eax
                push edx
                mov ah, dl
                mov al, 0x6A
                mov edx, 0x3D4
                out dx, ax
                pop edx
                pop eax
                ret

; DX:CX start in double words (planes: addresses); BL bit 7 waits for retrace
protected_start:
                push eax
                push ecx
                push edx
                test bl, 0x80
                jz .now
                push edx
                mov edx, 0x3DA
.in:            in al, dx
                test al, 8
                jnz .in
.out:           in al, dx
                test al, 8
                jz .out
                pop edx
.now:           mov ah, dl
                mov al, 0x69
                mov edx, 0x3D4
                out dx, ax
                mov al, 0x0C
                mov ah, ch
                out dx, ax
                mov al, 0x0D
                mov ah, cl
                out dx, ax
                pop edx
                pop ecx
                pop eax
                ret

; ES:EDI entries, CX how many, DX first
protected_palette:
                pushad
                movzx ecx, cx
                jecxz .done
                mov al, dl
                mov edx, 0x3C8
                out dx, al
                inc edx
.next:          mov al, [es:edi + 2]
                out dx, al
                mov al, [es:edi + 1]
                out dx, al
                mov al, [es:edi]
                out dx, al
                add edi, 4
                loop .next
.done:          popad
                ret
protected_end:
                bits 16
