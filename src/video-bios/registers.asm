; Access to the chip's registers. All keep every register that they are not given to change.

; AL index, AH value
crtc_write:     push dx
                mov dx, [CRTC_PORT]
                out dx, ax
                pop dx
                ret

; AL index; gives AL
crtc_read:      push dx
                mov dx, [CRTC_PORT]
                out dx, al
                inc dx
                in al, dx
                pop dx
                ret

seq_write:      push dx
                mov dx, 0x3C4
                out dx, ax
                pop dx
                ret

gfx_write:      push dx
                mov dx, 0x3CE
                out dx, ax
                pop dx
                ret

; Resets the attribute flip-flop.
attr_reset:     push ax
                push dx
                mov dx, [CRTC_PORT]
                add dx, 6
                in al, dx
                pop dx
                pop ax
                ret

; AL index, AH value; the screen stays off until `attr_on`
attr_write:     push dx
                call attr_reset
                mov dx, 0x3C0
                push ax
                out dx, al
                mov al, ah
                out dx, al
                pop ax
                pop dx
                ret

; AL index; gives AH
attr_read:      push dx
                call attr_reset
                mov dx, 0x3C0
                push ax
                out dx, al
                inc dx
                in al, dx
                mov dl, al
                pop ax
                mov ah, dl
                pop dx
                jmp attr_on

; Connects the palette to the display.
attr_on:        push ax
                push dx
                call attr_reset
                mov dx, 0x3C0
                mov al, 0x20
                out dx, al
                pop dx
                pop ax
                ret

; Opens all locks of the chip. DS need not be set: the ports are the colour ones or the monochrome ones, so both are used.
unlock:         pusha
                mov dx, 0x3CC
                in al, dx
                mov dx, 0x3B4
                test al, 1
                jz .mono
                mov dl, 0xD4
.mono:          mov ax, 0x4838
                out dx, ax
                mov ax, 0xA539
                out dx, ax
                mov dx, 0x3C4
                mov ax, 0x0608
                out dx, ax
                popa
                ret

; Back to a plain VGA, with the linear window closed.
plain_vga:      pusha
                call unlock
                push ds
                push cs
                pop ds
                mov si, plain_values
                mov cx, (plain_values.end - plain_values) / 2
.next:          lodsw
                push ds
                push BDA
                pop ds
                call crtc_write
                pop ds
                loop .next
                pop ds
                popa
                ret

; CRTC index, value
plain_values:   db 0x40, 0x00           ; engine registers off
                db 0x53, 0x00           ; registers in memory off
                db 0x58, 0x03           ; linear window closed, of the largest size
                db 0x31, 0x05           ; banks for the CPU allowed, nothing else
                db 0x32, 0x40
                db 0x33, 0x20
                db 0x34, 0x00
                db 0x35, 0x00
                db 0x3A, 0x05
                db 0x42, 0x00
                db 0x43, 0x00
                db 0x45, 0x00
                db 0x50, 0x00
                db 0x51, 0x00
                db 0x55, 0x00
                db 0x56, 0x00
                db 0x5D, 0x00
                db 0x5E, 0x00
                db 0x67, 0x00
                db 0x69, 0x00
                db 0x6A, 0x00
                db 0x41, 0x00           ; no VBE mode
                db 0x52, 0x00
.end:
