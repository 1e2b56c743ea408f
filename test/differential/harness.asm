; Runs many small programs in ring 3, one after the other, and reports on port E9h what each did: a multiboot kernel at 1 MiB whose
; programs follow it in the file (see image.ts for the form of a record). Every exception is reported with all registers; the program
; goes on at the next instruction of its list. Assemble with: nasm -f bin -o harness.bin harness.asm
bits 32
org 0x100000

SANDBOX   equ 0x50000           ; four pages for the program: data, data, stack, code
CODE_PAGE equ 0x53000
CONSTANTS equ 0x50100
READONLY  equ 0x54000           ; the page behind is read-only for ring 3; those around are not present
DIRECTORY equ 0x30000
TABLE0    equ 0x31000
STACK0    equ 0x3f000
MASTER    equ 0x40000           ; the memory every program begins with
PROGRAMS  equ 0x102000
MAX_EVENTS equ 12

R_CODE_BYTES equ 4
R_STATE   equ 8                 ; GPRs, EIP, EFLAGS, CS, SS, DS, ES, FS, GS
R_FXSAVE  equ 128
R_STARTS  equ 640
R_CODE    equ 768
R_CONSTANTS equ 1792
R_BYTES   equ 2048

image:
        dd 0x1badb002, 0x00010000, -(0x1badb002 + 0x00010000)
        dd image, image, 0, 0, start

start:
        cli
        cld
        mov esp, STACK0
        push dword 2
        popfd
        lgdt [gdtr]
        jmp 0x08:.reload
.reload:
        mov ax, 0x10
        mov ds, ax
        mov es, ax
        mov fs, ax
        mov gs, ax
        mov ss, ax
        ; page tables
        mov edi, DIRECTORY
        xor eax, eax
        mov ecx, 1024
        rep stosd
        mov edi, TABLE0
        mov eax, 3
        mov ecx, 1024
.page:  stosd
        add eax, 0x1000
        loop .page
        mov edi, TABLE0 + 0x4f * 4
        xor eax, eax
        stosd
        mov eax, SANDBOX + 7
        mov ecx, 4
.user:  stosd
        add eax, 0x1000
        loop .user
        mov eax, READONLY + 5
        stosd
        xor eax, eax
        stosd
        mov dword [DIRECTORY], TABLE0 + 7
        mov dword [DIRECTORY + 4], 0x400083
        mov dword [DIRECTORY + 8], 0x800083
        mov dword [DIRECTORY + 12], 0xc00083
        mov eax, cr4
        or eax, 0x610           ; PSE, OSFXSR, OSXMMEXCPT
        mov cr4, eax
        mov eax, DIRECTORY
        mov cr3, eax
        mov eax, 0x80000033     ; PG, NE, ET, MP, PE
        mov cr0, eax
        ; interrupt gates
        mov edi, idt
        mov eax, stubs
        xor ecx, ecx
.gate:
        mov edx, eax
        mov [edi], dx
        mov word [edi + 2], 0x08
        mov word [edi + 4], 0x8e00
        cmp ecx, 3
        je .program
        cmp ecx, 4
        je .program
        cmp ecx, 0x30
        jb .system
.program:
        mov byte [edi + 5], 0xee
.system:
        shr edx, 16
        mov [edi + 6], dx
        add eax, stub_size
        add edi, 8
        inc ecx
        cmp ecx, 0x34
        jb .gate
        lidt [idtr]
        mov eax, tss
        mov [gdt + 0x48 + 2], ax
        shr eax, 16
        mov [gdt + 0x48 + 4], al
        mov [gdt + 0x48 + 7], ah
        mov dword [tss + 4], STACK0
        mov dword [tss + 8], 0x10
        mov word [tss + 0x66], 0x68
        mov ax, 0x48
        ltr ax
        xor eax, eax
        lldt ax
        dec eax                 ; no interrupts but the programs' own
        out 0x21, al
        out 0xa1, al
        ; the master copy
        mov edi, MASTER
        mov eax, 0x2545f491
        mov ecx, 0x5000 / 4
.fill:  mov edx, eax
        shl edx, 13
        xor eax, edx
        mov edx, eax
        shr edx, 17
        xor eax, edx
        mov edx, eax
        shl edx, 5
        xor eax, edx
        stosd
        loop .fill
        mov dword [record], PROGRAMS + 16

next_program:
        mov esp, STACK0
        cmp dword [PROGRAMS], 0
        je quit
        dec dword [PROGRAMS]
        mov dword [events], 0
        mov dword [budget], 64
        mov esi, MASTER
        mov edi, SANDBOX
        mov ecx, 0x5000 / 4
        rep movsd
        mov edi, CODE_PAGE
        mov eax, 0xcccccccc
        mov ecx, 0x1000 / 4
        rep stosd
        mov ebx, [record]
        lea esi, [ebx + R_CODE]
        mov edi, CODE_PAGE
        mov ecx, 1024 / 4
        rep movsd
        lea esi, [ebx + R_CONSTANTS]
        mov edi, CONSTANTS
        mov ecx, 256 / 4
        rep movsd
        fxrstor [ebx + R_FXSAVE]
        lea esi, [ebx + R_STATE]
        push dword [esi + 44]   ; SS
        push dword [esi + 16]   ; ESP
        push dword [esi + 36]   ; EFLAGS
        push dword [esi + 40]   ; CS
        push dword [esi + 32]   ; EIP
        push dword 0
        push dword 0
%assign n 0
%rep 8
        push dword [esi + n]
%assign n n + 4
%endrep
        push dword [esi + 48]   ; DS, ES, FS, GS
        push dword [esi + 52]
        push dword [esi + 56]
        push dword [esi + 60]
resume:
        out 0x80, al            ; the program is about to go on
        pop gs
        pop fs
        pop es
        pop ds
        popad
        add esp, 8
        iretd

quit:
        mov al, 0
        out 0xf4, al
        cli
        hlt
        jmp quit

; ---- exceptions ----

stubs:
%assign vector 0
%rep 0x34
%if vector == 8 || (vector >= 10 && vector <= 14) || vector == 17
        nop
        nop
%else
        push byte 0
%endif
        push byte vector
        jmp strict near caught
%if vector == 0
stub_size equ $ - stubs
%endif
%assign vector vector + 1
%endrep

; The frame: GS FS ES DS, EDI ESI EBP ESP' EBX EDX ECX EAX, vector, error code, EIP, CS, EFLAGS, ESP, SS
F_VECTOR  equ 48
F_EIP     equ 56
F_CS      equ 60
F_EFLAGS  equ 64
FRAME     equ 76

caught:
        cld
        pushad
        push ds
        push es
        push fs
        push gs
        mov ax, 0x10
        mov ds, ax
        mov es, ax
        ; linear address of the instruction in EBX, its offset in the program in EDX
        mov ebx, [esp + F_EIP]
        mov eax, [esp + F_CS]
        and eax, 0xfff8
        cmp eax, 0x18
        je .flat
        add ebx, SANDBOX
.flat:
        mov edx, ebx
        sub edx, CODE_PAGE
        mov eax, [esp + F_VECTOR]
        cmp eax, 0x32
        je mask_flags
        cmp eax, 0x31
        je count
.report:
        cmp eax, 0x30
        je finish
        mov dword [esp + 12 + 3 * 4 + 4], 0     ; what PUSHAD stored for ESP
        mov al, 'E'
        out 0xe9, al
        mov esi, esp
        mov ecx, FRAME
.out:   lodsb
        out 0xe9, al
        loop .out
        xor eax, eax
        cmp dword [esp + F_VECTOR], 14
        jne .no_address
        mov eax, cr2
.no_address:
        mov ecx, 4
.cr2:   out 0xe9, al
        shr eax, 8
        loop .cr2
        inc dword [events]
        cmp dword [events], MAX_EVENTS
        jae finish
        mov esi, [record]
        cmp edx, [esi + R_CODE_BYTES]
        jae finish
        test byte [esp + F_CS], 3
        jz finish
        ; single step ends, flags else stay
        and dword [esp + F_EFLAGS], ~0x100
        mov eax, [esp + F_VECTOR]
        cmp eax, 1
        je resume
        cmp eax, 3
        je resume
        cmp eax, 4
        je resume
        cmp eax, 16
        jne .search
        fnclex
.search:
        mov ecx, edx
.next:  inc ecx
        cmp ecx, [esi + R_CODE_BYTES]
        jae finish
        bt [esi + R_STARTS], ecx
        jnc .next
        sub ecx, edx
        add [esp + F_EIP], ecx
        jmp resume

; INT 32h: the word behind it is a mask of flags to clear.
mask_flags:
        movzx eax, word [ebx]
        not eax
        and [esp + F_EFLAGS], eax
        add dword [esp + F_EIP], 2
        jmp resume

; INT 31h: one round of a loop.
count:
        dec dword [budget]
        jnz resume
        mov dword [events], MAX_EVENTS
        jmp caught.report

; Final state: the frame, then a hash of every KiB of the sandbox, then the FXSAVE image.
finish:
        mov dword [esp + 12 + 3 * 4 + 4], 0
        mov al, 'F'
        out 0xe9, al
        mov esi, esp
        mov ecx, FRAME
.out:   lodsb
        out 0xe9, al
        loop .out
        mov esi, SANDBOX
        mov edi, hashes
.block: xor eax, eax
        mov ecx, 1024 / 64
.more:
%assign n 0
%rep 16
        rol eax, 5
        add eax, [esi + n]
%assign n n + 4
%endrep
        imul eax, eax, 0x9e3779b1
        add esi, 64
        dec ecx
        jnz .more
        stosd
        cmp esi, SANDBOX + 0x4000
        jb .block
        fxsave [fpu_image]
        mov esi, hashes
        mov ecx, 64 + 288
.state: lodsb
        out 0xe9, al
        loop .state
        add dword [record], R_BYTES
        jmp next_program

; ---- tables ----

        align 16
%macro DESCRIPTOR 3             ; base, access, flags (G D 0 0); limit FFFFFh
        dw 0xffff, (%1) & 0xffff
        db ((%1) >> 16) & 0xff, %2, ((%3) << 4) | 0xf, ((%1) >> 24) & 0xff
%endmacro
gdt:
        dq 0
        DESCRIPTOR 0, 0x9b, 0xc         ; 08 ring 0 code
        DESCRIPTOR 0, 0x93, 0xc         ; 10 ring 0 data
        DESCRIPTOR 0, 0xfb, 0xc         ; 18 code, flat
        DESCRIPTOR 0, 0xf3, 0xc         ; 20 data, flat
        DESCRIPTOR SANDBOX, 0xfb, 0x8   ; 28 code of 16 bits
        DESCRIPTOR SANDBOX, 0xf3, 0xc   ; 30 data
        DESCRIPTOR SANDBOX, 0xf3, 0x8   ; 38 data, stack of 16 bits
        DESCRIPTOR 0x4f321, 0xf3, 0xc   ; 40 data at an odd base
        dw 0x67, 0
        db 0, 0x89, 0, 0                ; 48 TSS
        DESCRIPTOR SANDBOX, 0xfb, 0xc   ; 50 code with a base
        DESCRIPTOR 0, 0x73, 0xc         ; 58 not present
gdt_end:
gdtr:   dw gdt_end - gdt - 1
        dd gdt
idtr:   dw 0x34 * 8 - 1
        dd idt

        align 16
idt:    times 0x34 * 8 db 0
tss:    times 0x68 db 0
        align 16
hashes: times 64 db 0
fpu_image: times 512 db 0
record: dd 0
events: dd 0
budget: dd 0
        times 0x2000 - ($ - image) db 0
