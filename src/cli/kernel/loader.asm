; Boot image of the CD that `--kernel` makes: copies what the load list names to its places in memory, then hands over to a
; Linux kernel (its real-mode part) or to a multiboot kernel (in protected mode).
; Assemble with `nasm -f bin -o loader.bin loader.asm`.
;
; The firmware loads the image to 7C00h and gives the drive in DL (El Torito 1.0, no emulation). The last 512 bytes of the
; image are filled in by load-list.ts.
; Memory: 07C00 this program   08800 load list   20000-27FFF bounce buffer   11000 memory map for multiboot
                bits 16
                org 0x7C00

IMAGE_BYTES     equ 2048
LIST            equ 0x7C00 + IMAGE_BYTES - 512
BOUNCE          equ 0x20000
CD_SECTOR       equ 2048
CHUNK           equ 16                          ; sectors at a time
MEMORY_MAP      equ 0x11000
MEMORY_MAP_MAX  equ 64

; The load list: a header, then entries of 12 bytes up to one with length 0.
LIST_PROTOCOL   equ LIST                        ; 0 Linux, 1 multiboot
LIST_ENTRY      equ LIST + 4                    ; multiboot: entry point. Linux: segment of the real-mode part
LIST_INFO       equ LIST + 8                    ; multiboot: address of the information structure
LIST_ITEMS      equ LIST + 12
ITEM_TO         equ 0                           ; physical address
ITEM_LENGTH     equ 4                           ; bytes
ITEM_SECTOR     equ 8                           ; first CD sector; FFFFFFFFh: fill with zeros

start:
                cli
                xor ax, ax
                mov ds, ax
                mov es, ax
                mov ss, ax
                mov sp, 0x7C00
                cld
                sti
                jmp 0:.set_cs
.set_cs:
                mov [drive], dl
                mov ax, 0x2401                  ; A20
                int 0x15
                in al, 0x92
                or al, 2
                and al, 0xFE
                out 0x92, al
                mov al, 3                       ; COM1 and COM2: 8 bits, no parity, for kernels that just write
                mov dx, 0x3FB
                out dx, al
                mov dx, 0x2FB
                out dx, al
                mov si, LIST_ITEMS
.item:
                mov eax, [si + ITEM_LENGTH]
                test eax, eax
                jz handover
                mov [left], eax
                mov eax, [si + ITEM_TO]
                mov [target], eax
                mov eax, [si + ITEM_SECTOR]
                mov [packet_sector], eax
.chunk:
                mov ecx, [left]
                jecxz .next_item
                cmp ecx, CHUNK * CD_SECTOR
                jbe .size
                mov ecx, CHUNK * CD_SECTOR
.size:
                cmp dword [packet_sector], -1
                je .copy
                push ecx
                push si
                add ecx, CD_SECTOR - 1
                shr ecx, 11
                mov [packet_count], cx
                mov si, packet
                mov dl, [drive]
                mov ah, 0x42
                int 0x13
                pop si
                pop ecx
                jc failed
                add dword [packet_sector], CHUNK
.copy:
                call copy_high
                add [target], ecx
                sub [left], ecx
                jmp .chunk
.next_item:
                add si, 12
                jmp .item

; Copies ECX bytes from the bounce buffer to [target], or zeros; a short visit to protected mode with interrupts off.
copy_high:
                pushad
                cli
                mov esi, BOUNCE
                mov edi, [target]
                mov ebx, [packet_sector]
                lgdt [gdt_pointer]
                mov eax, cr0
                or al, 1
                mov cr0, eax
                jmp CODE32:.protected
                bits 32
.protected:
                mov ax, DATA32
                mov ds, ax
                mov es, ax
                inc ebx
                jz .zeros
                rep movsb
                jmp .copied
.zeros:
                xor eax, eax
                rep stosb
.copied:
                jmp CODE16:.leave
                bits 16
.leave:
                mov ax, DATA16
                mov ds, ax
                mov es, ax
                mov eax, cr0
                and al, 0xFE
                mov cr0, eax
                jmp 0:.real
.real:
                xor ax, ax
                mov ds, ax
                mov es, ax
                sti
                popad
                ret

handover:
                cmp dword [LIST_PROTOCOL], 0
                jne multiboot
                cli                             ; Linux boot protocol: all segments alike, a stack, the entry 200h behind
                mov ax, [LIST_ENTRY]
                mov ds, ax
                mov es, ax
                mov fs, ax
                mov gs, ax
                mov ss, ax
                mov sp, 0xE000
                add ax, 0x20
                push ax
                push word 0
                retf

; The memory map by E820, each entry behind its size; memory above 1 MiB in KiB from the entry that starts there.
multiboot:
                mov edi, [LIST_INFO]
                shr edi, 4                      ; the structure lies below 1 MiB, on a paragraph
                mov fs, di
                mov di, MEMORY_MAP >> 4
                mov es, di
                xor di, di
                xor ebx, ebx
                mov bp, MEMORY_MAP_MAX
.entry:
                add di, 4
                mov eax, 0xE820
                mov edx, 0x534D4150
                mov ecx, 20
                int 0x15
                jc .last
                cmp eax, 0x534D4150
                jne .last
                mov dword [es:di - 4], 20
                cmp dword [es:di], 0x100000
                jne .not_upper
                cmp dword [es:di + 16], 1
                jne .not_upper
                mov eax, [es:di + 8]
                shr eax, 10
                mov [fs:8], eax                 ; mem_upper
.not_upper:
                add di, 20
                dec bp
                jz .mapped
                test ebx, ebx
                jnz .entry
                jmp .mapped
.last:
                sub di, 4
.mapped:
                movzx eax, di
                mov [fs:44], eax                ; mmap_length
                mov dword [fs:48], MEMORY_MAP   ; mmap_addr
                int 0x12
                movzx eax, ax
                mov [fs:4], eax                 ; mem_lower
                cli
                mov ebx, [LIST_INFO]
                mov ecx, [LIST_ENTRY]
                lgdt [gdt_pointer]
                mov eax, cr0
                or al, 1
                mov cr0, eax
                jmp CODE32:.protected
                bits 32
.protected:
                mov ax, DATA32
                mov ds, ax
                mov es, ax
                mov fs, ax
                mov gs, ax
                mov ss, ax
                mov eax, 0x2BADB002
                jmp ecx
                bits 16

failed:
                mov si, message
.character:
                lodsb
                test al, al
                jz .halt
                mov ah, 0x0E
                mov bx, 7
                int 0x10
                jmp .character
.halt:
                hlt
                jmp .halt
message         db 'The kernel could not be read.', 13, 10, 0

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
packet:
                db 16, 0
packet_count    dw 0
                dw 0, BOUNCE >> 4               ; offset, segment
packet_sector   dd 0, 0
left            dd 0
target          dd 0
drive           db 0

                times IMAGE_BYTES - 512 - ($ - $$) db 0
                times 512 db 0                  ; the load list
