; Instruction fetch through paging: rights, missing pages, page crossings, code executed before and then taken away; faults while
; faults and interrupts are delivered.
%include "kernel.inc"

DIRECTORY equ 0x30000
TABLE0    equ 0x31000
TABLE1    equ 0x32000
WINDOW    equ 0x400000
FRAMES    equ 0x300000
%define PTE(n) dword [TABLE1 + (n) * 4]

main:
        mov edi, DIRECTORY
        xor eax, eax
        mov ecx, 0x3000 / 4
        rep stosd
        mov edi, TABLE0
        mov eax, 7
        mov ecx, 1024
.identity:
        stosd
        add eax, 0x1000
        loop .identity
        mov dword [DIRECTORY], TABLE0 + 7
        mov dword [DIRECTORY + 4], TABLE1 + 7
        mov eax, DIRECTORY
        mov cr3, eax
        mov eax, cr0
        or eax, 0x80010000
        mov cr0, eax
        jmp .on
.on:
        ; FRAMES: NOP; RET. The supervisor has executed it when the user tries.
        mov dword [FRAMES], 0x00c39090
        mov PTE(0), FRAMES + 3
        mov eax, WINDOW
        call eax
        call eax
        SHOW 'executed by the supervisor', PTE(0)
        TRY .r1
        USER WINDOW
.r1:    REPORT 'user fetches what the supervisor has executed', WINDOW
        mov PTE(0), FRAMES + 5
        invlpg [WINDOW]
        TRY .r2
        USER .u2
.u2:    mov eax, WINDOW
        call eax
        call eax
.f2:    cli
.r2:    REPORT 'user fetches a user page', .f2
        ; taken away by INVLPG, and by CR3
        mov PTE(0), 0
        invlpg [WINDOW]
        TRY .r3
        mov eax, WINDOW
        call eax
.r3:    REPORT 'taken away by INVLPG', WINDOW
        mov PTE(0), FRAMES + 7
        mov eax, WINDOW
        call eax
        SHOW 'back again without INVLPG', PTE(0)
        mov PTE(0), 0
        mov eax, cr3
        mov cr3, eax
        TRY .r4
        mov eax, WINDOW
        call eax
.r4:    REPORT 'taken away by CR3', WINDOW
        ; through the directory
        mov PTE(0), FRAMES + 7
        mov eax, WINDOW
        call eax
        mov dword [DIRECTORY + 4], 0
        mov eax, cr3
        mov cr3, eax
        TRY .r5
        mov eax, WINDOW
        call eax
.r5:    REPORT 'directory entry taken away', WINDOW
        mov dword [DIRECTORY + 4], TABLE1 + 7

        ; MOV EAX, imm32 whose last three bytes are on a second page
        mov word [FRAMES + 0xffe], 0x11b8
        mov dword [FRAMES + 0x1000], 0xc3443322
        TRY .r6
        mov eax, WINDOW + 0xffe
        call eax
.r6:    REPORT 'second page missing', WINDOW + 0xffe
        mov PTE(1), FRAMES + 0x1003
        mov ecx, 3
.loop:  mov eax, WINDOW + 0xffe
        call eax
        loop .loop
        SHOW 'across pages', eax, PTE(1)
        TRY .r7
        USER WINDOW + 0xffe
.r7:    REPORT 'second page of the supervisor', WINDOW + 0xffe
        mov PTE(1), FRAMES + 0x2003
        mov dword [FRAMES + 0x2000], 0xc3776655
        invlpg [WINDOW + 0x1000]
        mov eax, WINDOW + 0xffe
        call eax
        SHOW 'second page another one', eax
        mov PTE(1), 0
        invlpg [WINDOW + 0x1000]
        TRY .r8
        mov eax, WINDOW + 0xffe
        call eax
.r8:    REPORT 'second page taken away', WINDOW + 0xffe
        ; straight on from a page into a missing one
        mov word [FRAMES + 0xffe], 0x9090
        TRY .r9
        mov eax, WINDOW + 0xffe
        call eax
.r9:    REPORT 'straight on into a missing page', WINDOW + 0xffe
        ; a two-byte jump that ends with the page needs no second one
        mov word [FRAMES + 0xffe], 0x80eb
        mov dword [FRAMES + 0xf80], 0xc3c3c3c3
        TRY .r10
        mov eax, WINDOW + 0xffe
        call eax
.r10:   REPORT 'jump at the end of the page', WINDOW
        ; an instruction that would fault anyway, but is not there to its end
        mov word [FRAMES + 0xffe], 0x0f66
        TRY .r11
        mov eax, WINDOW + 0xffe
        call eax
.r11:   REPORT 'prefix and escape at the end', WINDOW + 0xffe
        mov byte [FRAMES + 0xfff], 0xf4
        TRY .r12
        USER WINDOW + 0xfff
.r12:   REPORT 'HLT of ring 3 in the last byte', WINDOW + 0xfff
        ; 14 prefixes up to the end of the page
        mov edi, FRAMES + 0xff1
        mov ecx, 15
        mov al, 0x66
        rep stosb
        TRY .r14
        mov eax, WINDOW + 0xff2
        call eax
.r14:   REPORT '14 prefixes up to the end', WINDOW + 0xff2

        ; single step into a missing page
        mov word [FRAMES + 0xffe], 0x9090
        TRY .r15
        mov eax, WINDOW + 0xfff
        pushfd
        or dword [esp], 0x100
        popfd
        call eax
.r15:   pushfd
        and dword [esp], ~0x100
        popfd
        REPORT 'single step in front of a missing page', WINDOW + 0xfff

        ; ---- faults of delivery: #DF by a task gate ----
        DESCRIPTOR SPARE1, double_tss, 0x67, 0x89, 0
        mov dword [double_tss + 0x1c], DIRECTORY
        GATE 8, SPARE1, 0, 0x85
        ; the stack of ring 0 is missing: INT 30h from ring 3 is a #PF first, and that a #DF
        mov dword [tss + 4], WINDOW + 0x5000
        mov [scratch], esp
        USER .u16
.u16:   mov eax, [WINDOW + 0x3000]
.back16:
        mov esp, [scratch]
        mov dword [tss + 4], 0x88000
        ; the IDT is missing
        mov [scratch], esp
        mov esi, idt
        mov edi, FRAMES + 0x4000
        mov ecx, 0x40 * 8 / 4
        rep movsd
        mov PTE(4), FRAMES + 0x4003
        mov PTE(5), 0
        mov dword [idt_there + 2], WINDOW + 0x4000
        lidt [idt_there]
        TRY .r17
.f17:   mov eax, [WINDOW + 0x6000]
.r17:   REPORT 'IDT in a page of its own', .f17
        lidt [idtr]
        ; a GDT whose page is missing: the segment load faults as a supervisor access
        mov esi, gdt
        mov edi, FRAMES + 0x7000
        mov ecx, (gdt_end - gdt) / 4
        rep movsd
        mov PTE(7), FRAMES + 0x7003
        mov dword [gdt_there + 2], WINDOW + 0x7000
        lgdt [gdt_there]
        TRY .r18
        USER .u18
.u18:   mov ax, UDATA
.f18:   mov fs, ax
        cli
.r18:   REPORT 'GDT in a supervisor page, load in ring 3', .f18
        SHOW 'accessed and dirty', PTE(7)
        mov PTE(7), FRAMES + 0x7001
        invlpg [WINDOW + 0x7000]
        and byte [FRAMES + 0x7000 + (UDATA & ~7) + 5], ~1
        TRY .r19
        mov ax, UDATA
.f19:   mov fs, ax
.r19:   REPORT 'GDT read-only, accessed bit to set', .f19
        or byte [FRAMES + 0x7000 + (UDATA & ~7) + 5], 1
        TRY .r20
.f20:   mov fs, ax
.r20:   REPORT 'GDT read-only, accessed bit set already', .f20
        lgdt [gdtr]
        mov eax, cr0
        and eax, 0x7ffeffff
        mov cr0, eax
        ret

align 4
idt_there: dw 0x40 * 8 - 1
        dd 0
gdt_there: dw gdt_end - gdt - 1
        dd 0

double:
        pop eax
        mov ebx, [tss + 0x20]
        sub ebx, main.u16
        mov ecx, cr2
        SHOW 'double fault: error code, EIP, CR2', eax, ebx, ecx
        ; Back into ring 0 behind the test.
        mov dword [tss + 0x20], main.back16
        mov dword [tss + 0x4c], CODE
        mov dword [tss + 0x50], DATA
        mov dword [tss + 0x38], 0x8f000
        mov dword [tss + 0x48], DATA
        mov dword [tss + 0x54], DATA
        mov dword [tss + 0x58], DATA
        mov dword [tss + 0x5c], DATA
        mov dword [tss + 0x1c], DIRECTORY
        iretd
        jmp double

align 4
double_tss:
        times 7 dd 0
        dd 0, double, 2
        dd 0, 0, 0, 0, 0x8c000, 0, 0, 0
        dd DATA, CODE, DATA, DATA, DATA, DATA, 0, 0x680000
END
