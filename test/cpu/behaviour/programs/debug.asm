; Trap flag over every class of instruction; debug registers; DR6; RF; general detect; interrupt shadows with TF.
%include "kernel.inc"

; The #DB handler notes EIP (from `base`), DR6 and ECX in a log, and clears DR6.
LOG equ 0x40000

%macro STEP 1                   ; start a traced region named for its first label
        mov dword [base], %1
        mov dword [log_end], LOG
        xor eax, eax
        mov dr6, eax
        mov ecx, 3
        pushfd
        or dword [esp], 0x100
        popfd
%1:
%endmacro
; End of the region: clear TF and print the log.
%macro STEPPED 1
        pushfd
        and dword [esp], ~0x100
        popfd
        pushad
        TEXT {%1, ': '}
        call show_log
        popad
%endmacro

debug_hook:                     ; from caught_one: [esp] return, then PUSHAD, vector, error, EIP, CS, EFLAGS
        mov edi, [log_end]
        mov eax, [esp + 4 + 40]
        sub eax, [base]
        stosd
        mov eax, dr6
        stosd
        mov eax, [esp + 4 + 24]
        stosd
        mov eax, [esp + 4 + 48]
        and eax, 0x10000
        stosd
        mov [log_end], edi
        xor eax, eax
        mov dr6, eax
        cmp edi, LOG + 0x1000
        jb .more
        and dword [esp + 4 + 48], ~0x100
.more:
        cmp dword [resume_fault], 0
        je .plain
        or dword [esp + 4 + 48], 0x10000
.plain:
        ret

show_log:
        mov esi, LOG
.next:
        cmp esi, [log_end]
        je newline
        call newline
        lodsd
        call hex
        lodsd
        call hex
        lodsd
        call hex
        lodsd
        call hex
        jmp .next

; Handlers that simply come back.
plain_hook:
        ret
; #UD: skip two bytes.
skip_hook:
        add dword [esp + 4 + 40], 2
        ret

base: dd 0
log_end: dd 0
resume_fault: dd 0
align 4
word_at: dd 0x11223344, 0x55667788, 0, 0

main:
        mov dword [hooks + 4], debug_hook
        mov dword [hooks + 6 * 4], skip_hook
        mov dword [hooks + 3 * 4], plain_hook
        mov dword [hooks + 4 * 4], plain_hook
        mov dword [hooks + 0x30 * 4], plain_hook

        STEP simple
        nop
        mov eax, [word_at]
        add dword [word_at + 8], 1
        STEPPED 'plain instructions'

        STEP branches
        jmp .a
        nop
.a:     cmp eax, eax
        jne .b
        je .b
        nop
.b:     call .c
        jmp .d
.c:     ret
.d:     loop .d
        STEPPED 'jumps, CALL, RET, LOOP'

        STEP repeated
        mov esi, 0x50000
        mov edi, 0x51000
        mov ecx, 3
        rep movsb
        mov ecx, 0
        rep stosd
        mov ecx, 2
        repne scasb
        STEPPED 'REP'

        STEP repeated_ports
        mov esi, text_colon
        mov dx, 0xe9
        mov ecx, 2
        rep outsb
        STEPPED 'REP OUTSB'

        STEP stack_segment
        mov ax, ss
        mov ss, ax
        nop
        nop
        push ss
        pop ss
        nop
        STEPPED 'MOV SS and POP SS'

        STEP enable
        sti
        nop
        cli
        STEPPED 'STI'

        STEP pops
        pushfd
        popfd
        pushfd
        and dword [esp], ~0x100
        popfd
        nop
        STEPPED 'POPF'

        STEP returns
        pushfd
        push cs
        push dword .x
        iretd
.x:     nop
        STEPPED 'IRET'

        STEP interrupts
        int 0x30
        nop
        int3
        xor eax, eax
        into
        nop
        mov eax, 0x7fffffff
        inc eax
        into
        nop
        STEPPED 'INT n, INT3, INTO'

        STEP faulting
        ud2
        nop
        STEPPED 'a faulting instruction'

        STEP control
        mov eax, cr0
        mov cr0, eax
        mov eax, cr3
        mov cr3, eax
        mov ds, ax
        mov ax, DATA
        mov ds, ax
        STEPPED 'control registers'

        STEP far_jump
        jmp CODE:.there
        nop
.there: call CODE:.routine
        jmp .out
.routine:
        retf
.out:   STEPPED 'far transfers'

        ; TF switched on by IRET: the instruction returned to is executed before the trap
        mov dword [base], returned
        mov dword [log_end], LOG
        pushfd
        or dword [esp], 0x100
        push cs
        push dword returned
        iretd
returned:
        nop
        nop
        STEPPED 'IRET sets TF'

        ; ---- breakpoints ----
        mov eax, cr4
        or eax, 8
        mov cr4, eax
%macro WATCH 3                  ; register 0, address, control bits (R/W and LEN) 
        mov dword [log_end], LOG
        mov eax, %2
        mov dr0, eax
        mov eax, (%3 << 16) | 0x2
        mov dr7, eax
%endmacro
%macro WATCHED 1
        push eax
        xor eax, eax
        mov dr7, eax
        pop eax
        pushad
        TEXT {%1, ': '}
        call show_log
        popad
%endmacro
        mov ecx, 0
        mov dword [base], exec
        mov dword [resume_fault], 1
        WATCH 0, exec.at, 0
exec:   nop
.at:    mov ecx, 7
        nop
        WATCHED 'execution'
        mov ecx, 0
        mov dword [base], exec2
        WATCH 0, exec2.at, 0
        mov ecx, 3
exec2:  nop
.at:    inc eax
        loop .at
        WATCHED 'execution in a loop'
        mov dword [resume_fault], 0

        mov dword [base], write4
        WATCH 0, word_at, 0xd
write4: mov eax, [word_at]
        mov [word_at], eax
        mov [word_at + 3], al
        mov [word_at + 4], al
        mov [word_at - 1], ax
        mov [word_at - 2], ax
        mov [word_at - 4], eax
        mov [word_at - 3], eax
        inc dword [word_at]
        cmp dword [word_at], 0
        push dword [word_at]
        pop dword [word_at]
        WATCHED 'write, 4 bytes'
        mov dword [base], write2
        WATCH 0, word_at + 2, 0x5
write2: mov [word_at], al
        mov [word_at + 1], al
        mov [word_at + 1], ax
        mov [word_at + 2], al
        mov [word_at + 3], al
        mov [word_at + 3], eax
        mov [word_at + 4], al
        WATCHED 'write, 2 bytes'
        mov dword [base], write1
        WATCH 0, word_at + 1, 0x1
write1: mov [word_at], al
        mov [word_at], ax
        mov [word_at + 1], al
        mov [word_at + 2], al
        WATCHED 'write, 1 byte'
        mov dword [base], access4
        WATCH 0, word_at, 0xf
access4:
        mov al, [word_at + 3]
        mov al, [word_at + 4]
        mov eax, [word_at - 3]
        mov [word_at], al
        WATCHED 'access, 4 bytes'
        mov dword [base], strings
        WATCH 0, 0x50004, 0xd
        mov edi, 0x50000
        mov ecx, 4
strings:
        rep stosd
        mov edi, 0x50000
        mov esi, 0x51000
        mov ecx, 4
        rep movsd
        nop
        WATCHED 'write by REP'
        ; an I/O breakpoint
        mov dword [base], ports
        WATCH 0, 0xe9, 0x2
        mov al, ' '
ports:  out 0xe9, al
        nop
        WATCHED 'I/O'
        ; disabled ones say nothing, MOV SS holds a data breakpoint back
        mov dword [base], held
        WATCH 0, scratch, 0xf
        mov ax, ss
        mov [scratch], ax
        mov dword [log_end], LOG
held:   mov ss, [scratch]
        nop
        nop
        WATCHED 'MOV SS from a watched word'

        ; general detect
        mov dword [hooks + 4], 0
        xor eax, eax
        mov dr6, eax
        mov eax, 0x2000
        mov dr7, eax
        TRY .gd
.gdat:  mov ebx, dr0
.gd:    REPORT 'general detect', .gdat
        mov eax, dr6
        mov ebx, dr7
        SHOW 'DR6, DR7, RF', eax, ebx, dword [caught_flags]
        ; DR4 and DR5: aliases without CR4.DE, #UD with it
        mov dword [hooks + 6 * 4], 0
        TRY .alias
.aliasat:
        mov eax, dr4
.alias: REPORT 'DR4 with CR4.DE', .aliasat
        mov eax, cr4
        and eax, ~8
        mov cr4, eax
        mov eax, dr4
        mov ebx, dr5
        SHOW 'DR4, DR5', eax, ebx
        mov eax, -1
        mov dr6, eax
        mov eax, dr6
        mov ebx, 0xffff07ff & ~0xff
        mov dr7, ebx
        mov ebx, dr7
        SHOW 'ones in DR6, DR7', eax, ebx
        xor eax, eax
        mov dr7, eax
        mov dr6, eax
        mov eax, dr6
        mov ebx, dr7
        SHOW 'zeros in DR6, DR7', eax, ebx
        ret
text_colon: db '..'
END
