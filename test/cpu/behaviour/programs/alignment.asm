; Alignment checks (#AC) in ring 3 on every kind of access, and what is exempt.
%include "kernel.inc"

%macro CHECK 2+
        CHECK2 %1, {}, {%2}
%endmacro
%macro CHECK2 3
        TRY %%back
        mov ax, UDATA
        mov ds, ax
        mov es, ax
        push dword UDATA
        push dword 0x80000
        push dword 0x40002
        push dword UCODE
        push dword %%user
        mov esi, data
        mov edi, data + 0x40
        mov ecx, 1
        mov ebx, data
        mov edx, 0
        mov eax, 0
        iretd
%%user: %2
%%at:   %3
        ud2
%%back: REPORT %1, %%at
%endmacro

main:
        fninit
        mov eax, cr0
        or eax, 0x40000
        and eax, ~6
        mov cr0, eax
        mov eax, cr4
        or eax, 0x600
        mov cr4, eax
        CHECK 'byte', mov al, [data + 1]
        CHECK 'word, even', mov ax, [data + 2]
        CHECK 'word, odd', mov ax, [data + 1]
        CHECK 'dword, aligned', mov eax, [data + 4]
        CHECK 'dword, at 2', mov eax, [data + 2]
        CHECK 'dword write, at 1', mov [data + 1], eax
        CHECK 'read-modify-write, at 2', inc dword [data + 2]
        CHECK 'LOCK read-modify-write, at 2', lock inc dword [data + 2]
        CHECK 'XCHG, at 3', xchg [data + 3], eax
        CHECK 'CMPXCHG, at 1', cmpxchg [data + 1], eax
        CHECK 'CMPXCHG8B, aligned', cmpxchg8b [data + 8]
        CHECK 'CMPXCHG8B, at 4', cmpxchg8b [data + 4]
        CHECK 'MOVZX of a byte', movzx eax, byte [data + 1]
        CHECK 'MOVZX of a word, odd', movzx eax, word [data + 1]
        CHECK2 'LODSW', {inc esi}, {lodsw}
        CHECK2 'MOVSD source', {inc esi}, {movsd}
        CHECK2 'MOVSD destination', {inc edi}, {movsd}
        CHECK2 'REP STOSD', {inc edi}, {rep stosd}
        CHECK2 'SCASW', {inc edi}, {scasw}
        CHECK2 'PUSH', {lea esp, [data + 0x42]}, {push eax}
        CHECK2 'PUSH of a word, even', {lea esp, [data + 0x42]}, {push ax}
        CHECK2 'POP', {lea esp, [data + 0x42]}, {pop eax}
        CHECK2 'CALL', {lea esp, [data + 0x42]}, {call main}
        CHECK2 'RET', {lea esp, [data + 0x42]}, {ret}
        CHECK2 'PUSHA', {lea esp, [data + 0x42]}, {pushad}
        CHECK2 'ENTER', {lea esp, [data + 0x42]}, {enter 4, 0}
        CHECK2 'PUSHF', {lea esp, [data + 0x42]}, {pushfd}
        CHECK 'LDS, at 2', lds eax, [data + 2]
        CHECK 'BT with a register, at 2', bt [data + 2], eax
        CHECK 'BOUND, at 2', bound eax, [data + 2]
        CHECK 'FLD m32, at 2', fld dword [data + 2]
        CHECK 'FLD m64, aligned', fld qword [data + 8]
        CHECK 'FLD m64, at 4', fld qword [data + 4]
        CHECK 'FILD m16, odd', fild word [data + 1]
        CHECK 'FLDCW, odd', fldcw [data + 1]
        CHECK 'FNSTENV, at 2', fnstenv [data + 2]
        CHECK 'MOVQ mm, at 4', movq mm0, [data + 4]
        CHECK 'MOVD, at 2', movd mm0, [data + 2]
        CHECK 'MOVSS, at 2', movss xmm0, [data + 2]
        CHECK 'code fetch is exempt', {jmp odd}
        ; system accesses of ring 3 are exempt: descriptor tables and the stack of ring 0
        CHECK2 'segment load with a GDT at an odd address', {mov ax, UDATA}, {mov fs, ax}
        CHECK 'INT', int 0x30
        ; without AC in EFLAGS, without AM, in ring 0
        TRY .r0
        push dword 0x40002
        popfd
        mov eax, [data + 1]
        push dword 2
        popfd
.r0:    REPORT 'ring 0', .r0
        TRY .r1
        USER .u1
.u1:    mov eax, [data + 1]
        ud2
.r1:    REPORT 'AC clear', .u1
        ; POPF sets it: the next instruction faults
        TRY .r2
        USER .u2
.u2:    push dword 0x40002
        popfd
        mov eax, [data + 1]
        ud2
.r2:    REPORT 'AC set by POPF', .u2
        TRY .r3
        USER .u3
.u3:    push dword 0x40002
        popfd
        push dword 2
        popfd
        mov eax, [data + 1]
        ud2
.r3:    REPORT 'AC cleared by POPF', .u3
        SHOW 'EFLAGS', dword [caught_flags]
        mov eax, cr0
        and eax, ~0x40000
        mov cr0, eax
        CHECK 'CR0.AM clear', mov eax, [data + 1]
        ret

        align 4
        db 0x90
odd:    nop
        ud2
        align 16
data:   times 128 db 0
END
