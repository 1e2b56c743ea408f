; Segment loads, call gates, interrupt gates and returns between rings: what is checked, in which order, with which error code.
%include "kernel.inc"

%macro LOADS 3                  ; text, instruction, selector in AX
        TRY %%back
        mov eax, %3
%%at:   %2
%%back: REPORT %1, %%at
%endmacro
; The same in ring 3, with the data segments of ring 3.
%macro USER_LOADS 3
        TRY %%back
        USER %%user
%%user: mov eax, %3
%%at:   %2
        ud2
%%back: REPORT %1, %%at
%endmacro
%macro USER_DOES 2+
        TRY %%back
        USER %%at
%%at:   %2
        ud2
%%back: REPORT %1, %%at
%endmacro

LDT equ 0x41000

main:
        ; SPARE1: data, ring 0, not present; SPARE2: execute-only code; SPARE3: read-only data; SPARE4: readable conforming code
        DESCRIPTOR SPARE1, 0, 0xfffff, 0x12, 0xc0
        DESCRIPTOR SPARE2, 0, 0xfffff, 0x98, 0xc0
        DESCRIPTOR SPARE3, 0, 0xfffff, 0x90, 0xc0
        DESCRIPTOR SPARE4, 0, 0xfffff, 0x9e, 0xc0
        DESCRIPTOR SPARE5, LDT, 0xf, 0x82, 0
        xor eax, eax
        lldt ax
        LOADS 'DS not present', {mov ds, ax}, SPARE1
        LOADS 'SS not present', {mov ss, ax}, SPARE1
        LOADS 'DS execute-only', {mov ds, ax}, SPARE2
        LOADS 'ES read-only', {mov es, ax}, SPARE3
        SHOW 'accessed bit', dword [gdt + SPARE3 + 4]
        LOADS 'SS read-only', {mov ss, ax}, SPARE3
        LOADS 'SS null', {mov ss, ax}, 0
        LOADS 'SS with another RPL', {mov ss, ax}, DATA + 1
        LOADS 'SS of ring 3', {mov ss, ax}, UDATA
        LOADS 'DS of a TSS', {mov ds, ax}, TSS
        LOADS 'DS beyond the GDT', {mov ds, ax}, 0x1000
        LOADS 'DS in no LDT', {mov ds, ax}, 0xc
        LOADS 'FS conforming code with RPL 3', {mov fs, ax}, SPARE4 + 3
        LOADS 'DS readable, RPL 3 over ring 0', {mov ds, ax}, DATA + 3
        LOADS 'GS null', {mov gs, ax}, 3
        TRY .null
.nullat:
        mov al, [gs:0]
.null:  REPORT 'read through null GS', .nullat
        LOADS 'write through read-only ES', {mov [es:scratch], al}, 0
        mov ax, SPARE3
        mov es, ax
        LOADS 'write through read-only ES', {mov [es:scratch], al}, 0
        LOADS 'write to CS', {mov [cs:scratch], al}, 0
        mov ax, SPARE5
        lldt ax
        mov dword [LDT + 8], 0x0000ffff
        mov dword [LDT + 12], 0x00cf9200
        LOADS 'FS in the LDT', {mov fs, ax}, 0xc
        LOADS 'FS beyond the LDT', {mov fs, ax}, 0x14
        LOADS 'FS empty in the LDT', {mov fs, ax}, 0x4
        LOADS 'LLDT of a data segment', {lldt ax}, DATA
        LOADS 'LLDT in the LDT', {lldt ax}, 0xc
        LOADS 'LTR of the busy TSS', {ltr ax}, TSS
        xor eax, eax
        lldt ax

        USER_LOADS 'ring 3: DS of ring 0', {mov ds, ax}, DATA
        USER_LOADS 'ring 3: DS of ring 3 with RPL 0', {mov ds, ax}, UDATA & ~3
        USER_LOADS 'ring 3: SS with RPL 0', {mov ss, ax}, UDATA & ~3
        USER_DOES 'ring 3: CLI', cli
        USER_DOES 'ring 3: HLT', hlt
        USER_DOES 'ring 3: MOV CR0', mov cr0, eax
        USER_DOES 'ring 3: MOV from CR3', mov eax, cr3
        USER_DOES 'ring 3: MOV from DR0', mov eax, dr0
        USER_DOES 'ring 3: LGDT', lgdt [gdtr]
        USER_DOES 'ring 3: LMSW', lmsw ax
        USER_DOES 'ring 3: INVLPG', invlpg [0]
        USER_DOES 'ring 3: WBINVD', wbinvd
        USER_DOES 'ring 3: LTR', ltr ax
        USER_DOES 'ring 3: CLTS', clts
        USER_DOES 'ring 3: RDMSR', rdmsr
        USER_DOES 'ring 3: IN', in al, 0x80
        USER_DOES 'ring 3: STI', sti
        USER_DOES 'ring 3: INT of ring 0', int 0x20
        USER_DOES 'ring 3: INT beyond the IDT', int 0x50
        USER_DOES 'ring 3: INT 14 of ring 0', int 14
        USER_DOES 'ring 3: INT3', int3
        USER_DOES 'ring 3: far jump to ring 0', jmp CODE:scratch
        USER_DOES 'ring 3: far jump to ring 0, RPL 3', jmp CODE + 3:scratch
        USER_DOES 'ring 3: far jump to data', jmp UDATA:scratch
        USER_DOES 'ring 3: far jump to null', jmp 0:scratch
        ; conforming code keeps CPL 3
        TRY .conforming
        USER .conf
.conf:  jmp SPARE4:.conf2
.conf2: mov bx, cs
        cli
.conforming:
        REPORT 'ring 3: conforming code', .conf2
        SHOW 'CS', dword [caught_registers + 16], dword [caught_cs]

        ; call gates: 32 bits with two parameters, ring 3 allowed
%macro CALL_GATE 4              ; selector, target selector, offset, count and access in one word
        push eax
        mov eax, %3
        mov [gdt + %1], ax
        mov word [gdt + %1 + 2], %2
        mov word [gdt + %1 + 4], %4
        shr eax, 16
        mov [gdt + %1 + 6], ax
        pop eax
%endmacro
        CALL_GATE SPARE1, CODE, gate, 0xec02
        TRY .after
        USER .g
.g:     push dword 0x11111111
        push dword 0x22222222
        mov ebp, esp
        call SPARE1:0xdeadbeef
.return:
        sub ebp, esp
        mov cx, ds
        cli
.after: REPORT 'call gate and back', .return
        SHOW 'stack moved by, DS', dword [caught_registers + 8], dword [caught_registers + 24]
        ; 16 bits
        DESCRIPTOR SPARE2, gate16, 0xffff, 0x9a, 0
        CALL_GATE SPARE3, SPARE2, 0, 0xe401
        ; a caller below 64 KiB of its segment, for the return address has 16 bits
        DESCRIPTOR SPARE6, 0x100000, 0xffff, 0xfa, 0x40
        TRY .after16
        USER .g16a
.g16a:  jmp SPARE6 + 3:.g16 - 0x100000
.g16:   push word 0x7777
        call SPARE3:0
.return16:
        cli
.after16:
        REPORT '16-bit call gate and back', .return16 - 0x100000
        SHOW 'parameter', dword [caught_registers + 28]
        CALL_GATE SPARE1, CODE, gate, 0x8c02
        USER_DOES 'call gate of ring 0', call SPARE1:0
        CALL_GATE SPARE1, CODE, gate, 0x6c02
        USER_DOES 'call gate not present', call SPARE1:0
        CALL_GATE SPARE1, 0, gate, 0xec02
        USER_DOES 'call gate to null', call SPARE1:0
        CALL_GATE SPARE1, DATA, gate, 0xec02
        USER_DOES 'call gate to data', call SPARE1:0
        CALL_GATE SPARE1, 0x1000, gate, 0xec02
        USER_DOES 'call gate beyond the GDT', call SPARE1:0
        CALL_GATE SPARE1, CODE, gate, 0xec00
        USER_DOES 'jump through a gate to ring 0', jmp SPARE1:0
        CALL_GATE SPARE1, UCODE, .user_gate, 0xec00
        TRY .ug
        USER .ug1
.ug1:   jmp SPARE1:0
.user_gate:
        cli
.ug:    REPORT 'jump through a gate within ring 3', .user_gate

        ; a far return outwards, and its checks
        TRY .ret1
        push dword UDATA
        push dword 0x80000
        push dword UCODE
        push dword .ret3
        retf
.ret3:  mov dx, ss
        cli
.ret1:  REPORT 'far return to ring 3', .ret3
        SHOW 'SS, DS', dword [caught_registers + 20], dword [caught_registers + 20]
%macro RETURN 5                 ; text, SS, CS, flags or -, instruction
        TRY %%back
        push dword %2
        push dword 0x80000
%ifnidn %4, -
        push dword %4
%endif
        push dword %3
        push dword %%user
%%at:   %5
%%user: cli
%%back: REPORT %1, %%at
%endmacro
        DESCRIPTOR SPARE5, 0, 0xfffff, 0x72, 0xc0
        DESCRIPTOR SPARE6, 0, 0xfffff, 0x7a, 0xc0
        RETURN 'RETF to SS of ring 0', DATA, UCODE, -, retf
        RETURN 'RETF to null SS', 0, UCODE, -, retf
        RETURN 'RETF to SS not present', SPARE5 + 3, UCODE, -, retf
        RETURN 'RETF to CS not present', UDATA, SPARE6 + 3, -, retf
        RETURN 'RETF to data', UDATA, UDATA, -, retf
        RETURN 'RETF to null', UDATA, 0, -, retf
        RETURN 'RETF to CS of ring 3 with RPL 0', UDATA, UCODE & ~3, -, retf
        RETURN 'IRET to SS of ring 0', DATA, UCODE, 2, iretd
        RETURN 'IRET to SS not present', SPARE5 + 3, UCODE, 2, iretd
        RETURN 'IRET to CS not present', UDATA, SPARE6 + 3, 2, iretd
        RETURN 'IRET to null', UDATA, 0, 2, iretd
        RETURN 'IRET to ring 3', UDATA, UCODE, 2, iretd
        ; a return empties the data segments that ring 3 may not use
        TRY .emptied
        mov ax, DATA
        mov ds, ax
        mov ax, UDATA
        mov es, ax
        mov ax, SPARE4
        mov fs, ax
        push dword UDATA
        push dword 0x80000
        push dword 2
        push dword UCODE
        push dword .e1
        iretd
.e1:    mov bx, ds
        mov cx, es
        mov dx, fs
        cli
.emptied:
        REPORT 'IRET to ring 3 with segments', .e1
        SHOW 'DS, ES, FS', dword [caught_registers + 16], dword [caught_registers + 24], dword [caught_registers + 20]
        ; flags that ring 3 may not change
        TRY .flags
        push dword UDATA
        push dword 0x80000
        push dword 0x202
        push dword UCODE
        push dword .f1
        iretd
.f1:    push dword 0x3002
        popfd
        pushfd
        pop ebx
        cli
.flags: REPORT 'POPF in ring 3', .f1
        SHOW 'EFLAGS', dword [caught_registers + 16]
        ; I/O: IOPL and the bit map
        TRY .io
        push dword UDATA
        push dword 0x80000
        push dword 0x3002
        push dword UCODE
        push dword .i1
        iretd
.i1:    in al, 0x80
        cli
        sti
        popfd
        hlt
.io:    REPORT 'IOPL 3: IN, CLI, STI', .i1
        mov dword [tss + 0x68 + 0x80 / 8], 0xfffffffe
        USER_DOES 'bit map: port allowed', {in al, 0x80}
        USER_DOES 'bit map: port refused', {in al, 0x81}
        USER_DOES 'bit map: word over a refused port', {in ax, 0x80}
        USER_DOES 'bit map: OUT', {out 0x82, al}
        mov dword [tss + 0x68 + 0x80 / 8], 0
        USER_DOES 'bit map: dword', {in eax, 0x80}
        ; stacks for interrupts: taken from the TSS, the old one pushed
        TRY .int
        USER .n1
.n1:    mov esp, 0x7fff0
        int 0x30
.int:   REPORT 'INT 30h', .n1
        SHOW 'CS, ESP', dword [caught_cs], dword [caught_esp], dword [caught_frame]
        GATE 0x31, CODE, 0, 0x6e
        USER_DOES 'gate not present', int 0x31
        GATE 0x31, 0, 0, 0xee
        USER_DOES 'gate to null', int 0x31
        GATE 0x31, DATA, 0, 0xee
        USER_DOES 'gate to data', int 0x31
        GATE 0x31, CODE, 0, 0xe9
        USER_DOES 'not a gate', int 0x31
        GATE 0x31, UCODE, 0, 0x8e
        TRY .inner
        int 0x31
.inner: REPORT 'gate to an outer ring', .inner
        ret

; Two dwords of parameters above CS:EIP; shows what lies on the stack.
gate:
        push ds
        mov ax, DATA
        mov ds, ax
        SHOW 'in the gate: EIP, CS, parameters', {dword [esp + 0x24 + 4]}, {dword [esp + 0x24 + 8]}, {dword [esp + 0x24 + 12]}, {dword [esp + 0x24 + 16]}
        mov ax, cs
        mov dx, ss
        movzx eax, ax
        movzx edx, dx
        SHOW 'old ESP, SS; CS, SS', {dword [esp + 0x24 + 20]}, {dword [esp + 0x24 + 24]}, eax, edx
        pop ds
        retf 8

bits 16
gate16:
        mov bp, sp
        mov ax, [bp + 4]
        retf 2
bits 32
END
