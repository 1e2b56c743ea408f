; The boot sector: loads the rest of the program behind itself, from a hard disk (EDD) or a floppy (CHS).
                bits 16
boot_start:
                cli
                xor ax, ax
                mov ds, ax
                mov es, ax
                mov ss, ax
                mov sp, boot_start
                cld
                sti
                jmp 0:.set_cs
.set_cs:
                mov [boot_drive], dl
                mov si, message_loading
                call boot_print

                mov ah, 0x41                    ; EDD present?
                mov bx, 0x55AA
                mov dl, [boot_drive]
                int 0x13
                jc load_chs
                cmp bx, 0xAA55
                jne load_chs
                test cl, 1                      ; packet functions
                jz load_chs

                mov si, address_packet
                mov ah, 0x42
                mov dl, [boot_drive]
                int 0x13
                jc load_chs
                jmp loaded

; Sector by sector, so that no transfer crosses a track or a 64 KiB boundary.
load_chs:
                xor ax, ax                      ; reset the drive
                mov dl, [boot_drive]
                int 0x13
                mov ah, 8
                mov dl, [boot_drive]
                xor di, di
                int 0x13
                jc boot_failed
                xor ax, ax
                mov es, ax
                and cx, 0x3F
                jz boot_failed
                mov [sectors_per_track], cx
                mov dl, dh
                xor dh, dh
                inc dx
                mov [heads], dx
                mov bp, 1                       ; logical sector
                mov bx, boot_start + 512
.sector:
                mov di, 3                       ; attempts
.attempt:
                mov ax, bp
                xor dx, dx
                div word [sectors_per_track]
                mov cl, dl
                inc cl                          ; sector, from 1
                xor dx, dx
                div word [heads]
                mov ch, al                      ; cylinder, low 8 bits are enough for 64 sectors
                mov dh, dl                      ; head
                mov dl, [boot_drive]
                mov ax, 0x0201
                int 0x13
                jnc .next
                xor ax, ax
                mov dl, [boot_drive]
                int 0x13
                dec di
                jnz .attempt
                jmp boot_failed
.next:
                add bx, 512
                inc bp
                cmp bp, LOADED_SECTORS
                jbe .sector
loaded:
                jmp real_mode_start

boot_failed:
                mov si, message_failed
                call boot_print
.halt:
                hlt
                jmp .halt

boot_print:
                lodsb
                test al, al
                jz .done
                mov ah, 0x0E
                mov bx, 7
                int 0x10
                jmp boot_print
.done:
                ret

message_loading db 'Loading the demonstration guest...', 13, 10, 0
message_failed  db 'The disk could not be read.', 13, 10, 0

                align 4, db 0
address_packet:
                db 16, 0
                dw LOADED_SECTORS
                dw boot_start + 512, 0          ; offset, segment
                dq 1                            ; first sector
sectors_per_track dw 0
heads           dw 0
boot_drive      db 0

                times 510 - ($ - boot_start) db 0
                dw 0xAA55
