; Task switches: JMP, CALL, INT and IRET, 32 and 16 bits, nesting, busy bits, task gates, bad tasks, #DF on a good stack of its own.
%include "kernel.inc"

TASK_A  equ 0x42000             ; 32-bit TSS images
TASK_B  equ 0x42100
TASK_16 equ 0x42200
LDT     equ 0x42300
STACK_A equ 0x43800
STACK_B equ 0x44800

; A 32-bit task: TSS address, entry, stack
%macro TASK 3
        push edi
        push ecx
        push eax
        mov edi, %1
        mov ecx, 26
        xor eax, eax
        rep stosd
        mov dword [%1 + 0x20], %2
        mov dword [%1 + 0x24], 2
        mov dword [%1 + 0x38], %3
        mov dword [%1 + 0x3c], 0xb0b0b0b0
        mov dword [%1 + 0x48], DATA
        mov dword [%1 + 0x4c], CODE
        mov dword [%1 + 0x50], DATA
        mov dword [%1 + 0x54], DATA
        mov dword [%1 + 0x58], DATA
        mov dword [%1 + 0x5c], DATA
        mov dword [%1 + 0x64], 0x680000
        pop eax
        pop ecx
        pop edi
%endmacro
%macro BUSY 1
        SHOW %1, {dword [gdt + TSS + 4]}, {dword [gdt + SPARE1 + 4]}, {dword [gdt + SPARE2 + 4]}
%endmacro

main:
        DESCRIPTOR SPARE1, TASK_A, 0x67, 0x89, 0
        DESCRIPTOR SPARE2, TASK_B, 0x67, 0x89, 0
        DESCRIPTOR SPARE3, TASK_16, 0x2b, 0x81, 0
        TASK TASK_A, jumped, STACK_A
        TASK TASK_B, 0, STACK_B
        BUSY 'at first'
        ; JMP and JMP back
        mov ebx, 0x1111
        mov ecx, 0x2222
        clts
        jmp SPARE1:0
.back:  mov eax, cr0
        SHOW 'back: EBX, ECX, CR0', ebx, ecx, eax
        BUSY 'after two jumps'
        SHOW 'saved in the other task: EBP, EFLAGS, link', {dword [TASK_A + 0x3c]}, {dword [TASK_A + 0x24]}, {dword [TASK_A]}

        ; CALL and IRET
        TASK TASK_A, called, STACK_A
        call SPARE1:0
.back2: BUSY 'after CALL and IRET'
        pushfd
        pop eax
        SHOW 'EFLAGS', eax
        SHOW 'the task as it left: EFLAGS, link', {dword [TASK_A + 0x24]}, {dword [TASK_A]}
        ; calling again goes on behind its IRET
        call SPARE1:0
        BUSY 'called again'
        ; nested: A calls B
        TASK TASK_A, calls_b, STACK_A
        TASK TASK_B, called_by_a, STACK_B
        call SPARE1:0
        BUSY 'after nested calls'

        ; busy tasks
        TASK TASK_A, calls_itself, STACK_A
        TRY .r0
.f0:    jmp TSS:0
.r0:    REPORT 'JMP to the present task', .f0
        TRY .r1
.f1:    call TSS:0
.r1:    REPORT 'CALL of the present task', .f1
        ; descriptors that will not do
        DESCRIPTOR SPARE4, TASK_B, 0x66, 0x89, 0
        TRY .r2
.f2:    jmp SPARE4:0
.r2:    REPORT 'limit too small', .f2
        DESCRIPTOR SPARE4, TASK_B, 0x67, 0x09, 0
        TRY .r3
.f3:    jmp SPARE4:0
.r3:    REPORT 'not present', .f3
        TRY .r4
        USER .f4
.f4:    jmp SPARE1:0
.r4:    REPORT 'TSS of ring 0 from ring 3', .f4
        ; IRET with NT and a link to nonsense
        mov word [tss], DATA
        TRY .r5
        pushfd
        or dword [esp], 0x4000
        popfd
.f5:    iretd
.r5:    pushfd
        and dword [esp], ~0x4000
        popfd
        REPORT 'IRET to a link that is no TSS', .f5
        mov word [tss], SPARE2
        TRY .r6
        pushfd
        or dword [esp], 0x4000
        popfd
.f6:    iretd
.r6:    pushfd
        and dword [esp], ~0x4000
        popfd
        REPORT 'IRET to a task that is not busy', .f6

        ; task gates: called, and in the IDT with an error code
        mov dword [gdt + SPARE5], SPARE2 << 16
        mov dword [gdt + SPARE5 + 4], 0xe500
        TASK TASK_B, called_by_a, STACK_B
        call SPARE5:0
        BUSY 'through a gate in the GDT'
        TASK TASK_B, called_by_a, STACK_B
        TRY .ring3
        USER .u
.u:     mov ebx, 0x3333
        call SPARE5:0x1234
.u2:    cli
.ring3: REPORT 'through a gate from ring 3', .u2
        SHOW 'EBX', dword [caught_registers + 16]
        TASK TASK_B, interrupted, STACK_B
        GATE 0x31, SPARE2, 0, 0xe5
        int 0x31
        BUSY 'INT through a task gate'
        TASK TASK_B, faulted, STACK_B
        GATE 13, SPARE2, 0, 0x85
        mov ax, 0x1234
.f7:    mov ds, ax
        ; the task has moved the return address here
        SHOW 'after a fault handled by a task', eax
        GATE 13, CODE, [stub13], 0x8e

        ; the double fault with a bad stack
        TASK TASK_B, doubled, STACK_B
        GATE 8, SPARE2, 0, 0x85
        mov [scratch], esp
        mov esp, 0x00000ff0
        DESCRIPTOR SPARE6, 0, 0xfff, 0x96, 0x40
        mov ax, SPARE6
        mov ss, ax
.f8:    push eax
after_double:
        mov ax, DATA
        mov ss, ax
        mov esp, [scratch]
        SHOW 'after the double fault', eax

        ; 16 bits
        mov edi, TASK_16
        mov ecx, 11
        xor eax, eax
        rep stosd
        DESCRIPTOR SPARE4, sixteen, 0xffff, 0x98, 0
        mov word [TASK_16 + 0x0e], 0
        mov word [TASK_16 + 0x10], 2
        mov word [TASK_16 + 0x12], 0xaaaa
        mov word [TASK_16 + 0x1a], 0x7000
        mov word [TASK_16 + 0x22], DATA
        mov word [TASK_16 + 0x24], SPARE4
        mov word [TASK_16 + 0x26], DATA
        mov word [TASK_16 + 0x28], DATA
        mov eax, 0x12345678
        call SPARE3:0
        mov bx, fs
        SHOW 'after a 16-bit task', eax, dword [scratch + 4]
        SHOW 'its TSS', dword [TASK_16], dword [TASK_16 + 0x10]
        mov ax, DATA
        mov fs, ax
        mov gs, ax

        ; the T bit of a TSS: #DB before the first instruction of the task; local breakpoints are switched off
        GATE 1, CODE, trapped, 0x8e
        TASK TASK_A, traps, STACK_A
        mov dword [TASK_A + 0x64], 0x680001
        mov byte [gdt + SPARE1 + 5], 0x89
        xor eax, eax
        mov dr6, eax
        mov eax, 0x403
        mov dr7, eax
        jmp SPARE1:0
        xor eax, eax
        mov dr7, eax

        ; faults in the new task: bad segments. It has no stack to report them on, so a task does it.
        GATE 10, SPARE1, 0, 0x85
        GATE 11, SPARE1, 0, 0x85
        GATE 12, SPARE1, 0, 0x85
%macro BAD 4                    ; text, offset in the TSS, value, width
        TASK TASK_A, bad_task, STACK_A
        TASK TASK_B, called_by_a, STACK_B
        mov byte [gdt + SPARE1 + 5], 0x89
        mov byte [gdt + SPARE2 + 5], 0x89
        mov %4 [TASK_B + %2], %3
        TEXT {%1, ': '}
        jmp SPARE2:0
        BUSY 'after it'
%endmacro
        BAD 'null CS', 0x4c, 0, dword
        BAD 'data in CS', 0x4c, DATA, dword
        BAD 'CS beyond the GDT', 0x4c, 0x1000, dword
        BAD 'LDT not there', 0x60, 0x1000, dword
        BAD 'LDT that is a TSS', 0x60, TSS, dword
        BAD 'null SS', 0x50, 0, dword
        BAD 'SS with another RPL', 0x50, DATA + 3, dword
        BAD 'code in SS', 0x50, CODE, dword
        BAD 'DS beyond the GDT', 0x54, 0x1000, dword
        DESCRIPTOR SPARE6, 0, 0xfffff, 0x12, 0xc0
        BAD 'SS not present', 0x50, SPARE6, dword
        BAD 'GS not present', 0x5c, SPARE6, dword
        DESCRIPTOR SPARE6, 0, 0xfffff, 0x1a, 0xc0
        BAD 'CS not present', 0x4c, SPARE6, dword
        DESCRIPTOR SPARE6, 0, 0xffff, 0x9a, 0x40
        GATE 13, SPARE1, 0, 0x85
        BAD 'EIP beyond the limit', 0x4c, SPARE6, dword
        BAD 'DS execute-only', 0x54, SPARE4, dword
        ret

trapped:
        mov eax, dr6
        mov ebx, dr7
        mov ecx, [esp]
        sub ecx, traps
        SHOW 'T bit: DR6, DR7, EIP', eax, ebx, ecx
        iretd
traps:
        SHOW 'the task goes on'
        jmp TSS:0

bad_task:
        pop eax
        movzx ebx, word [TASK_A]
        SHOW 'error code, link', eax, ebx
        mov eax, [TASK_B + 0x20]
        sub eax, called_by_a
        SHOW 'EIP of the other', eax
        jmp TSS:0

jumped:
        pushfd
        pop eax
        SHOW 'jumped: EBP, ESP, EFLAGS', ebp, esp, eax
        str ax
        movzx eax, ax
        mov ebx, cr0
        and ebx, 8
        SHOW 'TR, CR0.TS', eax, ebx
        BUSY 'in the task'
        mov ebp, 0x77777777
        mov ebx, 0x9999
        jmp TSS:0

called:
        pushfd
        pop eax
        SHOW 'called: EFLAGS, link', eax, {dword [TASK_A]}
        BUSY 'in the task'
        iretd
        SHOW 'called once more'
        iretd
calls_b:
        call SPARE2:0
        pushfd
        pop eax
        SHOW 'back in A: EFLAGS', eax
        iretd
called_by_a:
        BUSY 'in B'
        SHOW 'link', {dword [TASK_B]}
        iretd
calls_itself:
        hlt
interrupted:
        pushfd
        pop eax
        SHOW 'interrupted: EFLAGS, ESP', eax, esp
        iretd
faulted:
        pop eax
        mov ebx, [tss + 0x20]
        sub ebx, main.f7
        mov edx, [tss + 0x24]
        and edx, 0x10000
        SHOW 'faulted: error code, EIP, RF', eax, ebx, edx
        add dword [tss + 0x20], 2
        iretd
doubled:
        pop eax
        mov ebx, [tss + 0x20]
        sub ebx, main.f8
        SHOW 'double fault: error code, EIP, ESP', eax, ebx, {dword [tss + 0x38]}
        mov dword [tss + 0x20], after_double
        mov dword [tss + 0x50], DATA
        iretd

stub13: dd stubs + 13 * stub_size

bits 16
sixteen:
        mov [dword scratch + 4], eax
        iret
bits 32
END
