; Date and time from the MC146818, uptime from the timer interrupt; the bars at the top and at the bottom.
                bits 32

; Register AL of the real-time clock, into AL.
cmos_read:
                out 0x70, al
                in al, 0x71
                ret

; Reads date and time into rtc_*, in binary, 24 hours.
rtc_read:
                pushad
                mov ecx, 0x10000
.update:
                mov al, 0x0A                    ; update in progress?
                call cmos_read
                test al, 0x80
                jz .stable
                loop .update
.stable:
                xor ecx, ecx
.field:
                mov al, [rtc_registers + ecx]
                call cmos_read
                movzx eax, al
                mov [rtc_second + 4 * ecx], eax
                inc ecx
                cmp ecx, 6
                jb .field
                mov al, 0x0B
                call cmos_read
                mov bl, al
                mov edx, [rtc_hour]
                and edx, 0x80                   ; afternoon, in 12-hour mode
                and dword [rtc_hour], 0x7F
                test bl, 4                      ; DM: binary
                jnz .binary
                mov ecx, 5
.bcd:
                mov eax, [rtc_second + 4 * ecx]
                mov edi, eax
                and edi, 15
                shr eax, 4
                imul eax, 10
                add eax, edi
                mov [rtc_second + 4 * ecx], eax
                dec ecx
                jns .bcd
.binary:
                test bl, 2                      ; 24/12
                jnz .hours
                cmp dword [rtc_hour], 12
                jne .morning
                mov dword [rtc_hour], 0
.morning:
                test edx, edx
                jz .hours
                add dword [rtc_hour], 12
.hours:
                mov eax, 2000
                cmp dword [rtc_year], 80
                jb .century
                mov eax, 1900
.century:
                add [rtc_year], eax
                popad
                ret
rtc_registers   db 0, 2, 4, 7, 8, 9

; Writes `2026-11-21 12:34:56`.
rtc_put:
                call rtc_read
                mov eax, [rtc_year]
                call put_dec
                mov al, '-'
                call putc
                mov eax, [rtc_month]
                call put_dec2
                mov al, '-'
                call putc
                mov eax, [rtc_day]
                call put_dec2
                mov al, ' '
                call putc
                mov eax, [rtc_hour]
                call put_dec2
                mov al, ':'
                call putc
                mov eax, [rtc_minute]
                call put_dec2
                mov al, ':'
                call putc
                mov eax, [rtc_second]
                jmp put_dec2

; Redraws both bars when another second has passed. Keeps all registers and the window.
clock_update:
                pushad
                mov eax, [ticks]
                xor edx, edx
                mov ecx, TICKS_PER_SECOND
                div ecx
                inc eax
                cmp eax, [second_shown]
                je .done
                mov [second_shown], eax
                push dword [window]
                mov byte [quiet], 1
                mov byte [bar_title + WINDOW_ATTR], ATTR_BAR
                mov byte [bar_status + WINDOW_ATTR], ATTR_BAR
                mov dword [window], bar_title
                cmp eax, 1
                jne .drawn
                mov dword [window], bar_status  ; the first time
                call window_clear
                mov dword [window], bar_title
                call window_clear
.drawn:
                mov byte [bar_title + WINDOW_COLUMN], 1
                mov esi, text_bar_title
                call puts
                mov byte [bar_title + WINDOW_COLUMN], 60
                call rtc_put
                mov dword [window], bar_status
                mov byte [bar_status + WINDOW_COLUMN], 0
                mov esi, text_bar_status
                call puts
                mov byte [bar_status + WINDOW_COLUMN], 62
                mov esi, text_up
                call puts
                mov eax, [second_shown]
                dec eax
                call put_dec
                mov esi, text_up_seconds
                call puts
                mov byte [quiet], 0
                pop dword [window]
.done:
                popad
                ret

text_bar_title  db 'Virtual Server demonstration guest ', 0xB3, ' protected mode', 0
text_bar_status db ' help inventory disk time colours mode13 reboot poweroff', 0
text_up         db 0xB3, ' up ', 0
text_up_seconds db ' s  ', 0
