; IDE: who is there (IDENTIFY DEVICE and IDENTIFY PACKET DEVICE), and sector reads by PIO with interrupts, with a CRC-32.
                bits 32
CHUNK           equ 16                          ; sectors per READ SECTORS command
BAR_CELLS       equ 40
DISK_TIMEOUT    equ 5 * TICKS_PER_SECOND

; Looks at the four positions; one line for each device found. The first ATA disk becomes the one `disk` reads.
ide_show:
                mov dword [disk_ports], 0
                xor ecx, ecx
.position:
                push ecx
                mov ebx, 0x1F0
                test cl, 2
                jz .channel
                mov ebx, 0x170
.channel:
                and ecx, 1
                shl ecx, 4
                call ide_identify
                jc .none
                push eax
                mov eax, [esp + 4]
                mov esi, [ide_names + 4 * eax]
                call puts
                color ATTR_VALUE
                call ide_model
                color ATTR_TEXT
                pop eax
                test eax, eax
                jnz .line_end                   ; a packet device has no size here
                mov al, ' '
                call putc
                mov eax, [identify + 60 * 2]    ; LBA28 capacity
                mov edx, eax
                shr eax, 1
                call put_dec
                mov esi, text_kib
                call puts
                cmp dword [disk_ports], 0
                jne .line_end
                mov [disk_ports], ebx
                mov [disk_select], ecx
                mov [disk_sectors], edx
.line_end:
                mov al, 10
                call putc
.none:
                pop ecx
                inc ecx
                cmp ecx, 4
                jb .position
                ret

ide_name_0      db 'IDE 0:0 ', 0
ide_name_1      db 'IDE 0:1 ', 0
ide_name_2      db 'IDE 1:0 ', 0
ide_name_3      db 'IDE 1:1 ', 0
                align 4, db 0
ide_names       dd ide_name_0, ide_name_1, ide_name_2, ide_name_3
text_kib        db ' KiB', 0

; Model from the identify data: words 27 to 46, high byte first, without trailing blanks; at most 16 characters.
ide_model:
                pushad
                mov edi, brand
                mov esi, identify + 27 * 2
                mov ecx, 20
.swap:
                lodsw
                xchg al, ah
                stosw
                loop .swap
                mov edi, brand + 16
                mov byte [edi], 0
.trim:
                cmp edi, brand
                je .print
                dec edi
                cmp byte [edi], ' '
                ja .print
                mov byte [edi], 0
                jmp .trim
.print:
                mov esi, brand
                call puts
                popad
                ret

; Identifies the device at command block EBX with device bit ECX. Carry: nobody there. EAX = 0 ATA, 1 ATAPI.
ide_identify:
                push ecx
                push edx
                push edi
                mov al, 0xA0
                or al, cl
                lea edx, [ebx + 6]
                out dx, al
                call ide_delay
                lea edx, [ebx + 7]
                in al, dx
                test al, al
                jz .absent
                cmp al, 0xFF
                je .absent
                mov al, 0xEC                    ; IDENTIFY DEVICE
                out dx, al
                xor edi, edi
                call ide_wait_data
                jnc .data
                lea edx, [ebx + 4]              ; a packet device aborts and shows its signature
                in al, dx
                cmp al, 0x14
                jne .absent
                inc edx
                in al, dx
                cmp al, 0xEB
                jne .absent
                lea edx, [ebx + 7]
                mov al, 0xA1                    ; IDENTIFY PACKET DEVICE
                out dx, al
                inc edi
                call ide_wait_data
                jc .absent
.data:
                mov eax, edi
                mov edi, identify
                mov ecx, 256
                mov edx, ebx
                rep insw
                clc
                jmp .done
.absent:
                stc
.done:
                pop edi
                pop edx
                pop ecx
                ret

; 400 ns: four reads of the alternate status.
ide_delay:
                push eax
                push edx
                lea edx, [ebx + 0x206]
                in al, dx
                in al, dx
                in al, dx
                in al, dx
                pop edx
                pop eax
                ret

; Waits for DRQ. Carry: error, no device, or nothing within the time limit.
ide_wait_data:
                push eax
                push ecx
                push edx
                call ide_delay
                mov ecx, [ticks]
                add ecx, DISK_TIMEOUT
                lea edx, [ebx + 7]
.poll:
                in al, dx
                test al, al
                jz .failed
                cmp al, 0xFF
                je .failed
                test al, 0x80                   ; BSY
                jnz .again
                test al, 0x21                   ; DF, ERR
                jnz .failed
                test al, 0x08                   ; DRQ
                jnz .ready
.again:
                cmp [ticks], ecx
                js .poll
.failed:
                stc
                jmp .done
.ready:
                clc
.done:
                pop edx
                pop ecx
                pop eax
                ret

; Reads CL sectors (1 to CHUNK) from sector EAX of the chosen disk into disk_buffer. Carry: error.
disk_read:
                pushad
                mov ebx, [disk_ports]
                mov byte [disk_interrupt], 0
                mov esi, eax
                lea edx, [ebx + 6]
                shr eax, 24
                and al, 0x0F
                or al, 0xE0                     ; LBA
                or al, [disk_select]
                out dx, al
                call ide_delay
                lea edx, [ebx + 2]
                mov al, cl
                out dx, al
                mov eax, esi
                inc edx
                out dx, al                      ; LBA 7:0
                inc edx
                mov al, ah
                out dx, al                      ; LBA 15:8
                inc edx
                shr eax, 16
                out dx, al                      ; LBA 23:16
                lea edx, [ebx + 7]
                mov al, 0x20                    ; READ SECTORS
                out dx, al
                mov edi, disk_buffer
                movzx esi, cl
.sector:
                mov ebp, [ticks]
                add ebp, DISK_TIMEOUT
.wait:
                cli
                cmp byte [disk_interrupt], 0
                jne .interrupt
                cmp [ticks], ebp
                jns .failed
                sti
                hlt
                jmp .wait
.interrupt:
                mov byte [disk_interrupt], 0
                sti
                lea edx, [ebx + 0x206]          ; alternate status: the handler has read the other one
                in al, dx
                test al, 0x21
                jnz .failed
                test al, 0x08
                jz .failed
                mov edx, ebx
                mov ecx, 256
                rep insw
                dec esi
                jnz .sector
                popad
                clc
                ret
.failed:
                sti
                popad
                stc
                ret

; The `disk` command: reads EAX sectors from the start (0: 2048), with progress, speed and CRC-32.
disk_command:
                cmp dword [disk_ports], 0
                jne .present
                mov esi, text_no_disk
                jmp puts
.present:
                test eax, eax
                jnz .counted
                mov eax, 2048
.counted:
                cmp eax, [disk_sectors]
                jbe .within
                mov eax, [disk_sectors]
.within:
                mov [read_total], eax
                mov dword [read_done], 0
                mov dword [read_crc], -1
                mov dword [disk_interrupts], 0
                mov eax, [ticks]
                mov [read_start], eax
.chunk:
                mov ecx, [read_total]
                sub ecx, [read_done]
                jz .complete
                cmp ecx, CHUNK
                jbe .size
                mov ecx, CHUNK
.size:
                mov eax, [read_done]
                call disk_read
                jc .error
                add [read_done], ecx
                shl ecx, 9
                call crc_add
                call progress_show
                call clock_update
                jmp .chunk
.complete:
                mov al, 10
                mov byte [quiet], 1
                call putc
                mov byte [quiet], 0
                mov eax, [read_done]
                call put_dec
                mov esi, text_sectors
                call puts
                mov eax, [ticks]
                sub eax, [read_start]
                imul eax, 1000 / TICKS_PER_SECOND
                call put_dec
                mov esi, text_milliseconds
                call puts
                mov eax, [disk_interrupts]
                call put_dec
                mov esi, text_interrupts
                call puts
                mov eax, [read_crc]
                not eax
                mov cl, 8
                call put_hex
                mov al, 10
                jmp putc
.error:
                color ATTR_ERROR
                mov esi, text_disk_error
                call puts
                mov eax, [read_done]
                call put_dec
                mov al, 10
                call putc
                color ATTR_TEXT
                ret

text_no_disk    db 'There is no IDE disk.', 10, 0
text_sectors    db ' sectors read in ', 0
text_milliseconds db ' ms, ', 0
text_interrupts db ' interrupts, CRC-32 ', 0
text_disk_error db 'Disk error after sector ', 0

; Progress bar on the console's present row; the screen only.
progress_show:
                pushad
                mov byte [quiet], 1
                mov byte [console + WINDOW_COLUMN], 0
                mov eax, [read_done]
                mov ecx, BAR_CELLS
                mul ecx
                div dword [read_total]
                mov edx, eax
                mov ecx, BAR_CELLS
                color ATTR_PROMPT
.cell:
                mov al, 0xDB                    ; full block
                test edx, edx
                jg .draw
                mov al, 0xB0                    ; light shade
.draw:
                call putc
                dec edx
                loop .cell
                color ATTR_TEXT
                mov al, ' '
                call putc
                mov eax, [read_done]
                call put_dec
                mov byte [quiet], 0
                popad
                ret

; Table of the reflected polynomial EDB88320h (IEEE 802.3).
crc_init:
                xor ecx, ecx
.entry:
                mov eax, ecx
                mov edx, 8
.bit:
                shr eax, 1
                jnc .zero
                xor eax, 0xEDB88320
.zero:
                dec edx
                jnz .bit
                mov [crc_table + 4 * ecx], eax
                inc ecx
                cmp ecx, 256
                jb .entry
                ret

; Adds ECX bytes of disk_buffer to read_crc.
crc_add:
                pushad
                mov esi, disk_buffer
                mov edx, [read_crc]
.byte:
                lodsb
                xor al, dl
                movzx eax, al
                shr edx, 8
                xor edx, [crc_table + 4 * eax]
                loop .byte
                mov [read_crc], edx
                popad
                ret
