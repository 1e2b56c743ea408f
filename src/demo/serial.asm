; COM1: a mirror of all text output, and a second keyboard.
                bits 32
COM1            equ 0x3F8

; 115200 8N1 with FIFO and receive interrupt, when the scratch register answers.
serial_init:
                mov dx, COM1 + 7
                mov al, 0x5A
                out dx, al
                in al, dx
                cmp al, 0x5A
                jne .absent
                mov byte [serial_present], 1
                mov dx, COM1 + 3
                mov al, 0x80                    ; divisor latch
                out dx, al
                mov dx, COM1
                mov al, 1
                out dx, al
                inc dx
                xor al, al
                out dx, al
                mov dx, COM1 + 3
                mov al, 3                       ; 8N1
                out dx, al
                mov dx, COM1 + 2
                mov al, 0x07                    ; FIFO on and empty
                out dx, al
                mov dx, COM1 + 4
                mov al, 0x0B                    ; DTR, RTS, OUT2 (interrupt enable)
                out dx, al
                mov dx, COM1 + 1
                mov al, 1                       ; received data
                out dx, al
.absent:
                ret

; Sends AL to COM1: new line as CR LF, graphic characters as '#'.
serial_mirror:
                push eax
                cmp al, 10
                jne .one
                mov al, 13
                call serial_put
                mov al, 10
.one:
                test al, al
                jns .ascii
                mov al, '#'
.ascii:
                call serial_put
                pop eax
                ret

serial_put:
                cmp byte [serial_present], 0
                je .done
                push ecx
                push edx
                mov ah, al
                mov ecx, 0x10000                ; a line that never drains must not stop us
                mov dx, COM1 + 5
.wait:
                in al, dx
                test al, 0x20
                jnz .ready
                loop .wait
.ready:
                mov dx, COM1
                mov al, ah
                out dx, al
                pop edx
                pop ecx
.done:
                ret

; Received characters become keys; the cursor sequences of a terminal (ESC [ letter) become editing keys.
serial_interrupt:
                mov dx, COM1 + 5
                in al, dx
                test al, 1
                jz .done
                mov dx, COM1
                in al, dx
                cmp byte [escape_state], 1
                jb .plain
                je .bracket
                mov byte [escape_state], 0
                mov ecx, ANSI_KEYS
.search:
                cmp al, [ansi_letters + ecx - 1]
                je .found
                loop .search
                jmp serial_interrupt
.found:
                mov al, [ansi_keys + ecx - 1]
                jmp .push
.bracket:
                mov byte [escape_state], 0
                cmp al, '['
                jne .plain
                mov byte [escape_state], 2
                jmp serial_interrupt
.plain:
                cmp al, 27
                jne .not_escape
                mov byte [escape_state], 1
                jmp serial_interrupt
.not_escape:
                cmp al, 0x7F
                jne .not_delete
                mov al, 8
.not_delete:
                cmp al, 10
                jne .not_newline
                mov al, 13
.not_newline:
                test al, al                     ; neither NUL nor 8-bit characters are keys
                jle serial_interrupt
.push:
                call key_push
                jmp serial_interrupt
.done:
                mov dx, COM1 + 2                ; reading IIR clears what else was pending
                in al, dx
                ret

ansi_letters    db 'ABCDHF'
ANSI_KEYS       equ $ - ansi_letters
ansi_keys       db KEY_UP, KEY_DOWN, KEY_RIGHT, KEY_LEFT, KEY_HOME, KEY_END
