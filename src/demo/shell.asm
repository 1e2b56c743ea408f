; The prompt: a line editor and the table of commands.
                bits 32
LINE_MAX        equ 72

shell_start:
                call inventory_show
                mov esi, text_welcome
                call puts
shell_loop:
                mov dword [window], console
                mov byte [quiet], 0
                call line_edit
                call line_run
                jmp shell_loop

text_welcome    db 'Type a command, or help.', 10, 0
text_prompt     db '> ', 0

; Prompts and reads a line into `line`, ended with 0.
line_edit:
                mov byte [console + WINDOW_ATTR], ATTR_PROMPT
                mov esi, text_prompt
                call puts
                mov byte [console + WINDOW_ATTR], ATTR_BRIGHT
                movzx eax, byte [console + WINDOW_ROW]
                imul eax, COLUMNS
                movzx ecx, byte [console + WINDOW_COLUMN]
                add eax, ecx
                mov [console_line_start], eax
                xor eax, eax
                mov [line_length], eax
                mov [line_cursor], eax
                call cursor_set
.key:
                call key_wait
                mov ecx, [line_length]
                mov edx, [line_cursor]
                cmp al, 13
                je .enter
                cmp al, 8
                je .backspace
                cmp al, KEY_DELETE
                je .delete
                cmp al, KEY_LEFT
                je .left
                cmp al, KEY_RIGHT
                je .right
                cmp al, KEY_HOME
                je .home
                cmp al, KEY_END
                je .end
                cmp al, KEY_UP
                je .recall
                cmp al, 27
                je .erase
                cmp al, ' '
                jb .key
                cmp al, 0x7E
                ja .key
                cmp ecx, LINE_MAX
                jae .key
                lea esi, [line + ecx]           ; make room behind the cursor
                lea edi, [esi + 1]
                sub ecx, edx
                std
                dec esi
                dec edi
                rep movsb
                cld
                mov [line + edx], al
                inc dword [line_length]
                inc dword [line_cursor]
                call line_draw
                mov edx, [line_cursor]
                cmp edx, [line_length]
                jne .changed_serial
                call serial_put                 ; the common case: one more character at the end
                jmp .key
.backspace:
                test edx, edx
                jz .key
                dec edx
                mov [line_cursor], edx
.delete:
                cmp edx, ecx
                je .key
                lea edi, [line + edx]
                lea esi, [edi + 1]
                sub ecx, edx
                dec ecx
                rep movsb
                dec dword [line_length]
                jmp .changed
.left:
                test edx, edx
                jz .key
                dec dword [line_cursor]
                jmp .changed
.right:
                cmp edx, ecx
                je .key
                inc dword [line_cursor]
                jmp .changed
.home:
                mov dword [line_cursor], 0
                jmp .changed
.end:
                mov [line_cursor], ecx
                jmp .changed
.erase:
                xor eax, eax
                mov [line_length], eax
                mov [line_cursor], eax
                jmp .changed
.recall:
                mov esi, last_line
                mov edi, line
                xor ecx, ecx
.copy:
                lodsb
                stosb
                inc ecx
                test al, al
                jnz .copy
                dec ecx
                mov [line_length], ecx
                mov [line_cursor], ecx
.changed:
                call line_draw
.changed_serial:
                call line_draw_serial
                jmp .key
.enter:
                mov byte [line + ecx], 0
                jecxz .unsaved
                mov esi, line
                mov edi, last_line
                inc ecx
                rep movsb
.unsaved:
                mov byte [console + WINDOW_ATTR], ATTR_TEXT
                mov al, 10
                jmp putc

; Shows the edited line on the screen. Keeps AL.
line_draw:
                push eax
                mov edi, [console_line_start]
                lea edi, [TEXT + 2 * edi]
                mov esi, line
                mov ecx, [line_length]
                mov ah, ATTR_BRIGHT
                jecxz .rest
.character:
                lodsb
                stosw
                loop .character
.rest:
                mov ecx, LINE_MAX
                sub ecx, [line_length]
                mov al, ' '
                rep stosw
                mov eax, [line_cursor]
                call cursor_set
                pop eax
                ret

; Writes the edited line anew on COM1.
line_draw_serial:
                mov esi, text_serial_line
                call .serial_string
                mov ecx, [line_length]
                mov byte [line + ecx], 0
                mov esi, line
                call .serial_string
                mov esi, text_serial_clear
                call .serial_string
                sub ecx, [line_cursor]
                jz .done
.back:
                mov al, 8
                call serial_put
                loop .back
.done:
                ret
.serial_string:
                lodsb
                test al, al
                jz .done
                call serial_put
                jmp .serial_string

text_serial_line db 13, '> ', 0
text_serial_clear db 27, '[K', 0

; Runs the command in `line`: its first word chooses, a number behind it goes to the command in EAX (0 without).
line_run:
                cmp byte [line], 0
                je .done
                mov edx, commands
.command:
                mov edi, [edx]
                test edi, edi
                jz .unknown
                mov esi, line
.compare:
                mov al, [esi]
                cmp al, ' '
                jne .word
                xor al, al
.word:
                cmp al, [edi]
                jne .different
                inc esi
                inc edi
                test al, al
                jnz .compare
                xor eax, eax
                cmp byte [esi - 1], 0           ; the line ended with the word
                je .run
                call number_parse
.run:
                jmp [edx + 4]
.different:
                add edx, 12
                jmp .command
.unknown:
                color ATTR_ERROR
                mov esi, text_unknown
                call puts
                color ATTR_TEXT
.done:
                ret

text_unknown    db 'There is no such command; try help.', 10, 0

; Decimal number at ESI into EAX; stops at the first other character.
number_parse:
                xor eax, eax
                xor ecx, ecx
.digit:
                mov cl, [esi]
                inc esi
                sub cl, '0'
                cmp cl, 9
                ja .done
                imul eax, 10
                add eax, ecx
                jmp .digit
.done:
                ret

                align 4, db 0
commands:                                       ; name, routine, help
                dd name_help, help_command, help_help
                dd name_inventory, inventory_show, help_inventory
                dd name_memory, memory_map_show, help_memory
                dd name_disk, disk_command, help_disk
                dd name_time, time_command, help_time
                dd name_colours, colours_command, help_colours
                dd name_mode13, mode13_command, help_mode13
                dd name_clear, window_clear, help_clear
                dd name_divide, divide_command, help_divide
                dd name_fault, fault_command, help_fault
                dd name_reboot, reboot_command, help_reboot
                dd name_poweroff, poweroff_command, help_poweroff
                dd 0
name_help       db 'help', 0
help_help       db 'this list', 0
name_inventory  db 'inventory', 0
help_inventory  db 'look at processor, memory, disks and PCI again', 0
name_memory     db 'memory', 0
help_memory     db 'the map of memory (E820)', 0
name_disk       db 'disk', 0
help_disk       db 'read the first sectors of the disk: disk 64', 0
name_time       db 'time', 0
help_time       db 'clock, uptime, interrupts', 0
name_colours    db 'colours', 0
help_colours    db 'all colours and characters', 0
name_mode13     db 'mode13', 0
help_mode13     db 'graphics, 320 by 200 in 256 colours', 0
name_clear      db 'clear', 0
help_clear      db 'empty this window', 0
name_divide     db 'divide', 0
help_divide     db 'divide by zero, and live', 0
name_fault      db 'fault', 0
help_fault      db 'triple fault, and die', 0
name_reboot     db 'reboot', 0
help_reboot     db 'reset by the keyboard controller', 0
name_poweroff   db 'poweroff', 0
help_poweroff   db 'power off through ACPI (S5)', 0

help_command:
                mov edx, commands
.command:
                mov esi, [edx]
                test esi, esi
                jz .done
                color ATTR_VALUE
                call puts
                mov ecx, 12
                mov ebx, [window]
.pad:
                mov al, ' '
                call putc
                cmp [ebx + WINDOW_COLUMN], cl
                jb .pad
                color ATTR_TEXT
                mov esi, [edx + 8]
                call puts
                mov al, 10
                call putc
                add edx, 12
                jmp .command
.done:
                ret

time_command:
                call rtc_put
                mov esi, text_time_up
                call puts
                mov eax, [ticks]
                xor edx, edx
                mov ecx, TICKS_PER_SECOND
                div ecx
                call put_dec
                mov esi, text_time_ticks
                call puts
                mov eax, [ticks]
                call put_dec
                mov esi, text_time_codes
                call puts
                mov eax, [scan_codes]
                call put_dec
                mov esi, text_time_end
                call puts
                cmp byte [has_tsc], 0
                je .done
                mov eax, 1                      ; from one tick to the next but four
                call wait_ticks
                rdtsc
                mov ebx, eax
                mov eax, 5
                call wait_ticks
                rdtsc
                sub eax, ebx
                xor edx, edx
                mov ecx, 1000000 * 5 / TICKS_PER_SECOND
                div ecx
                call put_dec
                mov esi, text_time_mhz
                call puts
.done:
                ret

text_time_up    db ', up ', 0
text_time_ticks db ' s: ', 0
text_time_codes db ' timer interrupts, ', 0
text_time_end   db ' scan codes', 10, 0
text_time_mhz   db ' MHz time-stamp counter', 10, 0

; Sixteen foregrounds on eight backgrounds, and code page 437; the screen only.
colours_command:
                mov byte [quiet], 1
                xor ecx, ecx
.pair:
                mov [console + WINDOW_ATTR], cl
                mov al, 0xFE
                call putc
                mov al, 'A'
                call putc
                inc ecx
                test cl, 0x1F
                jnz .pair
                mov byte [console + WINDOW_ATTR], ATTR_TEXT
                mov al, 10
                call putc
                cmp ecx, 0x80
                jb .pair
                xor eax, eax
.character:
                cmp al, 10                      ; putc takes this one as a new line
                je .next
                call putc
.next:
                inc al
                jnz .character
                mov al, 10
                call putc
                mov byte [quiet], 0
                mov esi, text_colours
                jmp puts

text_colours    db '128 colour pairs, 255 characters of code page 437', 10, 0

divide_command:
                xor edx, edx
                xor ecx, ecx
                div ecx
                ret

; An empty interrupt table: the fault cannot be delivered, nor the double fault that follows.
fault_command:
                mov esi, text_fault
                call puts
                cli
                lidt [empty_idt_pointer]
                ud2

text_fault      db 'Good bye.', 10, 0

reboot_command:
                mov esi, text_reboot
                call puts
                cli
                mov ecx, 0x10000
.input_full:
                in al, 0x64
                test al, 2
                jz .pulse
                loop .input_full
.pulse:
                mov al, 0xFE                    ; 8042: pulse the reset line
                out 0x64, al
                mov ecx, 0x1000000
.wait:
                loop .wait
                mov dx, 0xCF9                   ; chip set: hard reset
                mov al, 2
                out dx, al
                mov al, 6
                out dx, al
                hlt

text_reboot     db 'Resetting.', 10, 0

; PIIX4, PM1 control (+4): SUS_TYP 000 = soft off, SUS_EN bit 13.
poweroff_command:
                mov edx, [pm_base]
                test edx, edx
                jz .absent
                add edx, 4
                mov esi, text_poweroff
                call puts
                mov eax, 1                      ; let COM1 drain
                call wait_ticks
                in ax, dx
                and ax, 0xE3FF
                or ax, 1 << 13
                out dx, ax
                mov eax, TICKS_PER_SECOND
                call wait_ticks
.absent:
                mov esi, text_no_poweroff
                jmp puts

; Powers off when the power button was pressed: PM1 status (+0) bit 8. Keeps all registers otherwise.
power_button_check:
                push eax
                push edx
                mov edx, [pm_base]
                test edx, edx
                jz .done
                in ax, dx
                test ah, 1
                jz .done
                mov ax, 1 << 8                  ; a 1 clears it
                out dx, ax
                mov dword [window], console
                mov byte [quiet], 0
                mov al, 10
                call putc
                call poweroff_command
.done:
                pop edx
                pop eax
                ret

text_poweroff   db 'Powering off.', 10, 0
text_no_poweroff db 'There is no ACPI power management here.', 10, 0
