; What needs the firmware: memory map, A20, text mode; the way into protected mode, and back for a video mode call.
                bits 16
real_mode_start:
                ; E820: the map of memory, up to E820_MAX entries
                xor ebx, ebx
                mov di, E820_MAP
                mov word [e820_count], 0
.e820:
                mov dword [di + 20], 1
                mov eax, 0xE820
                mov edx, 0x534D4150             ; 'SMAP'
                mov ecx, 24
                int 0x15
                jc .e820_done
                cmp eax, 0x534D4150
                jne .e820_done
                inc word [e820_count]
                add di, 24
                cmp word [e820_count], E820_MAX
                jae .e820_done
                test ebx, ebx
                jnz .e820
.e820_done:
                mov ax, 0x2401                  ; A20 by the firmware, then by port 92h to be sure
                int 0x15
                in al, 0x92
                test al, 2
                jnz .a20
                or al, 2
                and al, 0xFE                    ; bit 0 would reset
                out 0x92, al
.a20:
                mov ax, 0x0003
                int 0x10
                cli
                lgdt [gdt_pointer]
                mov eax, cr0
                or al, 1
                mov cr0, eax
                jmp CODE32:protected_start

                align 8, db 0
gdt:
                dq 0
CODE32          equ $ - gdt
                dq 0x00CF9A000000FFFF
DATA32          equ $ - gdt
                dq 0x00CF92000000FFFF
CODE16          equ $ - gdt
                dq 0x00009A000000FFFF
DATA16          equ $ - gdt
                dq 0x000092000000FFFF
gdt_pointer:
                dw $ - gdt - 1
                dd gdt
real_idt_pointer:
                dw 0x3FF
                dd 0
e820_count      dw 0
bios_ax         dw 0
bios_esp        dd 0

                bits 32
; Calls INT 10h with AX in real mode. Interrupts stay off meanwhile, since the PICs deliver our vectors.
bios_video:
                pushad
                pushfd
                cli
                mov [bios_ax], ax
                mov [bios_esp], esp
                lidt [real_idt_pointer]
                jmp CODE16:.leave
                bits 16
.leave:
                mov ax, DATA16
                mov ds, ax
                mov es, ax
                mov fs, ax
                mov gs, ax
                mov ss, ax
                mov eax, cr0
                and al, 0xFE
                mov cr0, eax
                jmp 0:.real
.real:
                xor ax, ax
                mov ds, ax
                mov es, ax
                mov fs, ax
                mov gs, ax
                mov ss, ax
                mov sp, boot_start
                mov ax, [bios_ax]
                int 0x10
                cli
                lgdt [gdt_pointer]
                mov eax, cr0
                or al, 1
                mov cr0, eax
                jmp CODE32:.enter
                bits 32
.enter:
                mov ax, DATA32
                mov ds, ax
                mov es, ax
                mov fs, ax
                mov gs, ax
                mov ss, ax
                mov esp, [bios_esp]
                lidt [idt_pointer]
                popfd
                popad
                ret

protected_start:
                mov ax, DATA32
                mov ds, ax
                mov es, ax
                mov fs, ax
                mov gs, ax
                mov ss, ax
                mov esp, STACK_TOP
                xor eax, eax
                mov edi, VARIABLES
                mov ecx, (variables_end - VARIABLES + 3) / 4
                cld
                rep stosd
                call serial_init
                call crc_init
                call interrupts_init
                sti
                jmp shell_start
