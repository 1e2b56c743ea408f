; Control registers, time-stamp and performance counters, SYSENTER and SYSEXIT, CPUID-independent reserved bits.
%include "kernel.inc"

%macro DOES 2-3+
        TRY %%back
        mov eax, %2
%%at:   %3
%%back: REPORT %1, %%at
%endmacro

STEPS equ 0x174

main:
        DOES 'MOV CR1', 0, {db 0x0f, 0x22, 0xc8}
        DOES 'MOV from CR5', 0, {db 0x0f, 0x20, 0xe8}
        mov eax, 0x0000000e
        lmsw ax
        smsw eax
        SHOW 'LMSW sets MP EM TS, keeps PE', eax
        mov eax, 0
        lmsw ax
        mov eax, cr0
        SHOW 'LMSW cannot clear PE', eax
        mov eax, -1
        mov cr2, eax
        mov eax, cr2
        SHOW 'CR2', eax
        xor eax, eax
        mov cr2, eax
        ; #NM: TS and EM, MP and WAIT
        mov eax, 0x19
        mov cr0, eax
        DOES 'TS: FNOP', 0, fnop
        DOES 'TS without MP: WAIT', 0, {db 0x9b}
        DOES 'TS: MMX', 0, emms
        mov eax, 0x1b
        mov cr0, eax
        DOES 'TS and MP: WAIT', 0, {db 0x9b}
        mov eax, 0x15
        mov cr0, eax
        DOES 'EM: FNOP', 0, fnop
        DOES 'EM: MMX', 0, emms
        mov eax, 0x11
        mov cr0, eax
        DOES 'SSE without CR4.OSFXSR', 0, {xorps xmm0, xmm0}
        mov eax, 0x200
        mov cr4, eax
        DOES 'SSE with CR4.OSFXSR', 0, {xorps xmm0, xmm0}
        mov eax, 0x15
        mov cr0, eax
        DOES 'SSE with EM', 0, {xorps xmm0, xmm0}
        mov eax, 0x19
        mov cr0, eax
        DOES 'SSE with TS', 0, {xorps xmm0, xmm0}
        clts
        DOES 'after CLTS', 0, {xorps xmm0, xmm0}
        mov eax, 0x11
        mov cr0, eax
        ; RDTSC in ring 3
        TRY .r1
        USER .u1
.u1:    rdtsc
        ud2
.r1:    REPORT 'RDTSC in ring 3', .u1
        mov eax, 4
        mov cr4, eax
        TRY .r2
        USER .u2
.u2:    rdtsc
        ud2
.r2:    REPORT 'RDTSC in ring 3 with TSD', .u2
        TRY .r3
        rdtsc
.r3:    REPORT 'RDTSC in ring 0 with TSD', .r3
        xor eax, eax
        mov cr4, eax

        ; SYSENTER: GDT with the four segments in a row from CODE on: ring 0 code and data, ring 3 code and data
        xor eax, eax
        xor edx, edx
        mov ecx, STEPS
        wrmsr
        TRY .r4
        USER .u4
.u4:    sysenter
.r4:    REPORT 'SYSENTER without a code segment', .u4
        TRY .r5
.f5:    sysexit
.r5:    REPORT 'SYSEXIT without a code segment', .f5
        mov eax, CODE
        xor edx, edx
        mov ecx, STEPS
        wrmsr
        mov eax, 0x8a000
        mov ecx, STEPS + 1
        wrmsr
        mov eax, entered
        mov ecx, STEPS + 2
        wrmsr
        TRY .r6
        mov ax, UDATA
        mov ds, ax
        mov es, ax
        push dword UDATA
        push dword 0x80000
        push dword 0x3202
        push dword UCODE
        push dword .u6
        iretd
.u6:    sysenter
.back6: mov ebx, esp
        pushfd
        pop eax
        mov dx, ss
        mov cx, cs
        ud2
.r6:    REPORT 'SYSENTER and SYSEXIT', .back6
        SHOW 'ESP, EFLAGS, SS, CS', dword [caught_registers + 16], dword [caught_registers + 28], dword [caught_registers + 20], dword [caught_registers + 24]
        TRY .r7
        USER .u7
.u7:    sysexit
.r7:    REPORT 'SYSEXIT in ring 3', .u7
        ret

entered:
        pushfd
        pop eax
        mov bx, ss
        movzx ebx, bx
        mov cx, cs
        movzx ecx, cx
        SHOW 'entered: ESP, EFLAGS, SS, CS', esp, eax, ebx, ecx
        mov edx, main.back6
        mov ecx, 0x7f000
        sysexit
END
