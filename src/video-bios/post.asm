; Power-on: finds out nothing, sets everything: vectors, data area, the chip, mode 3.

post:           pushad
                push ds
                push es
                xor ax, ax
                mov ds, ax
                cli
                mov eax, [0x10 * 4]     ; what the system BIOS had stays at INT 42h
                mov [0x42 * 4], eax
                mov word [0x10 * 4], int10
                mov [0x10 * 4 + 2], cs
                sti
                mov ax, BDA
                mov ds, ax
                and byte [EQUIPMENT], 0xCF
                or byte [EQUIPMENT], 0x20
                mov byte [VIDEO_CONTROL], 0x60
                mov byte [SWITCHES], 0xF9
                mov byte [MODE_CONTROL], 0x11
                mov byte [DISPLAY_CODE], 0x08
                mov word [SAVE_POINTER], save_table
                mov [SAVE_POINTER + 2], cs

                mov dx, 0x3C2           ; colour addresses, memory on
                mov al, 0x67
                out dx, al
                mov dx, 0x3C3
                mov al, 1
                out dx, al
                mov dx, 0x3C6
                mov al, 0xFF
                out dx, al
                call unlock
                mov ax, 0x0003
                int 0x10
                push cs
                pop ds
                mov si, banner
                call print
                pop es
                pop ds
                popad
                retf

print:          lodsb
                test al, al
                jz .done
                mov ah, 0x0E
                mov bx, 7
                int 0x10
                jmp print
.done:          ret

banner:         db 'S3 Trio64 video BIOS', 13, 10, 0

; Tables that 40:A8 leads to: the parameters of the modes, and the display codes.
save_table:     dw parameters, 0xC000
                dd 0, 0, 0
                dw save_table2, 0xC000
                dd 0, 0
save_table2:    dw 0x1A
                dw display_codes, 0xC000
                times 20 db 0
display_codes:  db 2, 1, 8, 0           ; entries, version, highest code
                db 0, 0, 0, 8
