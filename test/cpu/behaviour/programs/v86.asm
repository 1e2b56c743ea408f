; V86 mode: entering and leaving, what faults at which IOPL, interrupts into the monitor, VME: redirection, VIF and VIP; PVI.
%include "kernel.inc"

V86_SEG equ 0x5000              ; the program of each test is copied to 5000:0
IOPL0   equ 0x20002
IOPL3   equ 0x23002

; V86 text, EFLAGS ... V86_END: runs what is between; it ends by a fault (UD2 at the latest)
%macro V86 2
%push v86
        jmp strict near %$over
bits 16
%$code:
%define %$text %1
%define %$flags %2
%endmacro
%macro V86_END 0
        ud2
%$end:
bits 32
%$over:
        mov esi, %$code
        mov ecx, %$end - %$code
        mov eax, %$flags
        TRY %$back
        call enter_v86
%$back: REPORT %$text, 0
        and dword [caught_flags], ~0x10000 ; RF
        SHOW 'EFLAGS, SP, AX, BX, image', dword [caught_flags], dword [caught_esp], dword [caught_registers + 28], dword [caught_registers + 16], dword [0x60000 + 0x7ffe - 2]
%pop
%endmacro

enter_v86:
        mov [scratch + 16], eax
        mov edi, V86_SEG * 16
        cld
        rep movsb
        mov edi, 0x60000
        mov ecx, 0x4000
        xor eax, eax
        rep stosd
        mov ebx, 0
        mov ebp, 0
        push dword 0x1111       ; GS
        push dword 0x2222       ; FS
        push dword 0x5000       ; DS
        push dword 0x5000       ; ES
        push dword 0x6000       ; SS
        push dword 0x7ffe       ; ESP
        push dword [scratch + 16]
        push dword V86_SEG
        push dword 0
        iretd

main:
        mov eax, 0
        ; a vector table for redirected interrupts at linear 0: INT 21h and INT 22h go to 5000:80h
        mov dword [0x21 * 4], 0x50000080
        mov dword [0x22 * 4], 0x50000080
        ; handler: POP AX to see IP; POP BX: CS; UD2
        mov dword [0x50080], 0xbb58cccc
        mov byte [0x50080], 0x58
        mov byte [0x50081], 0x5b
        mov word [0x50082], 0x0b0f

        V86 'segments', IOPL3
        mov ax, ds
        mov bx, fs
        V86_END
        SHOW 'CS, frame', dword [caught_cs], dword [caught_frame]
        mov esi, [caught_frame]
        SHOW 'on the stack of ring 0: SS, ES, DS, FS, GS', {dword [esi + 56]}, {dword [esi + 60]}, {dword [esi + 64]}, {dword [esi + 68]}, {dword [esi + 72]}
        V86 'addresses of 20 bits and more', IOPL3
        mov ax, 0xffff
        mov ds, ax
        mov ax, [0x10]
        mov bx, ds
        V86_END
        V86 'limit FFFFh', IOPL3
        mov ax, [0xffff]
        V86_END
        V86 'limit FFFFh, 32-bit address', IOPL3
        mov eax, 0x10000
        mov bx, [eax]
        V86_END
        V86 'stack wraps', IOPL3
        mov sp, 0
        push ax
        V86_END
        V86 'stack across the limit', IOPL3
        mov sp, 1
        push ax
        V86_END
        V86 'segment arithmetic', IOPL3
        mov ax, 0x1234
        mov es, ax
        mov bx, es
        push es
        pop ds
        mov ax, ds
        V86_END

        ; sensitive to IOPL
        V86 'CLI, IOPL 0', IOPL0
        cli
        V86_END
        V86 'CLI, IOPL 3', IOPL3
        cli
        V86_END
        V86 'STI, IOPL 0', IOPL0
        sti
        V86_END
        V86 'STI, IOPL 3', IOPL3
        sti
        V86_END
        V86 'PUSHF, IOPL 0', IOPL0
        pushf
        V86_END
        V86 'PUSHF, IOPL 3', IOPL3
        pushf
        V86_END
        V86 'PUSHFD, IOPL 3', IOPL3
        pushfd
        V86_END
        V86 'POPF, IOPL 0', IOPL0
        popf
        V86_END
        V86 'POPF, IOPL 3', IOPL3
        push word 0x7fd7 & ~0x100
        popf
        V86_END
        V86 'POPFD, IOPL 3', IOPL3
        push dword 0x3f7ed7
        popfd
        V86_END
        V86 'INT 30h, IOPL 0', IOPL0
        int 0x30
        V86_END
        V86 'INT 30h, IOPL 3', IOPL3
        int 0x30
        V86_END
        V86 'INT 20h of ring 0, IOPL 3', IOPL3
        int 0x20
        V86_END
        V86 'INT3, IOPL 0', IOPL0
        int3
        V86_END
        V86 'IRET, IOPL 0', IOPL0
        iret
        V86_END
        V86 'IRET, IOPL 3', IOPL3
        push word 0x3202
        push cs
        push word 0x40
        mov dword [0x40], 0x0b0fc38b
        iret
        V86_END
        V86 'HLT, IOPL 3', IOPL3
        hlt
        V86_END
        V86 'MOV CR0', IOPL3
        mov eax, cr0
        V86_END
        V86 'MOV DR7', IOPL3
        mov eax, dr7
        V86_END
        V86 'LGDT', IOPL3
        lgdt [0]
        V86_END
        V86 'SLDT', IOPL3
        sldt ax
        V86_END
        V86 'SMSW', IOPL3
        smsw ax
        V86_END
        V86 'LMSW', IOPL3
        lmsw ax
        V86_END
        V86 'LAR', IOPL3
        lar ax, bx
        V86_END
        V86 'ARPL', IOPL3
        arpl ax, bx
        V86_END
        V86 'IN: the bit map whatever IOPL is', IOPL0
        in al, 0x80
        V86_END
        mov byte [tss + 0x68 + 0x80 / 8], 2
        V86 'IN refused', IOPL3
        in al, 0x81
        V86_END
        V86 'OUT of a word refused', IOPL3
        out 0x80, ax
        V86_END
        mov byte [tss + 0x68 + 0x80 / 8], 0
        V86 'far call', IOPL3
        mov dword [0x60], 0x0b0fcc8c
        mov word [0x60], 0xc88c
        call 0x4ffa:0xc0
        V86_END
        V86 'IRETD with VM set is no way in from V86', IOPL3
        push dword 0x23002
        push dword 0x5000
        push dword 0x40
        mov dword [0x40], 0x0b0fc38b
        iretd
        V86_END

        ; ---- VME ----
        mov eax, cr4
        or eax, 1
        mov cr4, eax
        ; I/O map at 88h, redirection map in the 32 bytes in front of it: INT 22h not redirected
        mov word [tss + 0x66], 0x88
        mov byte [tss + 0x68 + 0x22 / 8], 1 << (0x22 & 7)
        V86 'VME: CLI', 0xa0202
        cli
        V86_END
        V86 'VME: STI', IOPL0
        sti
        V86_END
        V86 'VME: STI with VIP', IOPL0 + 0x100000
        sti
        V86_END
        V86 'VME: CLI with VIP', IOPL0 + 0x180000
        cli
        V86_END
        V86 'VME: PUSHF with VIF', IOPL0 + 0x80000
        pushf
        V86_END
        V86 'VME: PUSHF without VIF', IOPL0 + 0x200
        pushf
        V86_END
        V86 'VME: PUSHFD', IOPL0
        pushfd
        V86_END
        V86 'VME: POPF sets VIF', IOPL0
        push word 0x200
        popf
        V86_END
        V86 'VME: POPF clears VIF, leaves IF', IOPL0 + 0x80200
        push word 0
        popf
        V86_END
        V86 'VME: POPF with VIP', IOPL0 + 0x100000
        push word 0x200
        popf
        V86_END
        V86 'VME: POPF with TF', IOPL0
        push word 0x100
        popf
        V86_END
        V86 'VME: POPFD', IOPL0
        popfd
        V86_END
        V86 'VME: IRET', IOPL0
        push word 0x200
        push cs
        push word 0x40
        mov dword [0x40], 0x0b0fc38b
        iret
        V86_END
        V86 'VME: IRETD', IOPL0
        iretd
        V86_END
        V86 'VME: INT redirected, IOPL 0', IOPL0 + 0x80200
        int 0x21
        V86_END
        V86 'VME: INT redirected, IOPL 3', IOPL3 + 0x200
        int 0x21
        V86_END
        V86 'VME: INT not redirected, IOPL 0', IOPL0
        int 0x22
        V86_END
        V86 'VME: INT not redirected, IOPL 3', IOPL3
        int 0x22
        V86_END
        V86 'VME: IOPL 3: CLI', IOPL3 + 0x80200
        cli
        V86_END
        mov word [tss + 0x66], 0x10
        V86 'VME: no room for the map', IOPL0
        int 0x21
        V86_END
        mov word [tss + 0x66], 0x68

        ; ---- PVI ----
        mov eax, cr4
        xor eax, 3
        mov cr4, eax
%macro PVI 2
%push pvi
        TRY %$back
        mov ax, UDATA
        mov ds, ax
        mov es, ax
        push dword UDATA
        push dword 0x80000
        push dword %2
        push dword UCODE
        push dword %$user
        iretd
%$user:
%define %$text %1
%endmacro
%macro PVI_END 0
        ud2
%$back: REPORT %$text, %$user
        and dword [caught_flags], ~0x10000 ; RF
        SHOW 'EFLAGS', dword [caught_flags]
%pop
%endmacro
        PVI 'PVI: STI', 2
        sti
        PVI_END
        PVI 'PVI: CLI', 0x80202
        cli
        PVI_END
        PVI 'PVI: STI with VIP', 0x100002
        sti
        PVI_END
        PVI 'PVI: PUSHF shows IF', 0x80002
        pushfd
        pop eax
        PVI_END
        PVI 'PVI: POPF leaves VIF', 0x80202
        push dword 0
        popfd
        PVI_END
        mov eax, cr4
        and eax, ~3
        mov cr4, eax
        ret
END
