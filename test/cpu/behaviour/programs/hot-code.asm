; Code that has run often enough to be compiled, and is then changed, moved, seen at another address or in another mode, stepped
; through and stopped in. Each line shows sums over many rounds.
%include "kernel.inc"

DIRECTORY equ 0x30000
SECOND    equ 0x31000           ; another directory
TABLE0    equ 0x32000
TABLE1    equ 0x33000
TABLE2    equ 0x34000           ; the second directory's
WINDOW    equ 0x400000
FRAMES    equ 0x300000
LOW       equ 0x8000            ; code for 16 bits
ROUNDS    equ 200
%define PTE(n) dword [TABLE1 + (n) * 4]

main:
        ; ---- the loop changes itself ----
        mov ecx, ROUNDS
        xor ebx, ebx
.l1:    mov [.i1 + 2], ecx
        nop
.i1:    add ebx, 0x11111111
        loop .l1
        SHOW 'an instruction further on', ebx
        mov ecx, ROUNDS
        xor ebx, ebx
        xor eax, eax
.l2:    mov [.i2 + 1], cl
.i2:    mov al, 0x55
        add ebx, eax
        loop .l2
        SHOW 'the next instruction', ebx
        mov ecx, ROUNDS
        xor ebx, ebx
.l3:    add ebx, dword 0x1000
.i3:    inc dword [.l3 + 2]
        loop .l3
        SHOW 'an instruction before it', ebx
        mov ecx, ROUNDS
        mov ebx, 1000
.l4:    xor byte [.i4], 0x28    ; ADD and SUB
.i4:    add ebx, ecx
        loop .l4
        SHOW 'another operation', ebx
        mov ecx, ROUNDS
        xor ebx, ebx
.l5:    xor byte [.i5 + 1], .b5 - .a5
.i5:    jmp short .a5
.a5:    inc ebx
        jmp short .c5
.b5:    add ebx, 0x10000
.c5:    loop .l5
        SHOW 'another target of a branch', ebx

        ; ---- another place changes a function that is called often ----
        mov ecx, ROUNDS / 10
        xor ebx, ebx
.l6:    mov [function.value + 1], ecx
        mov edx, 30
.m6:    call function
        add ebx, eax
        dec edx
        jnz .m6
        loop .l6
        SHOW 'a function called thirty times between changes', ebx
        ; by a string instruction: the whole function
        mov edx, ROUNDS / 10
        xor ebx, ebx
.l7:    mov esi, function.one
        test edx, 1
        jz .m7
        mov esi, function.other
.m7:    mov edi, function
        mov ecx, function.end - function.other
        rep movsb
        mov ecx, 30
.n7:    call function
        add ebx, eax
        loop .n7
        dec edx
        jnz .l7
        SHOW 'a function replaced by REP MOVSB', ebx
        ; data beside code
        mov ecx, 3000
.l8:    inc dword [.data8]
        loop .l8
        jmp .e8
        align 4
.data8: dd 0
.e8:    SHOW 'data beside code', dword [.data8]

        ; ---- paging ----
        mov edi, DIRECTORY
        xor eax, eax
        mov ecx, 0x5000 / 4
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
        mov dword [SECOND], TABLE0 + 7
        mov dword [SECOND + 4], TABLE2 + 7
        ; two frames with functions: MOV EAX, 1 (2); RET
        mov dword [FRAMES], 0x000001b8
        mov word [FRAMES + 4], 0xc300
        mov dword [FRAMES + 0x1000], 0x000002b8
        mov word [FRAMES + 0x1004], 0xc300
        mov PTE(0), FRAMES + 7
        mov dword [TABLE2], FRAMES + 0x1000 + 7
        mov eax, DIRECTORY
        mov cr3, eax
        mov eax, cr0
        or eax, 0x80010000
        mov cr0, eax
        jmp .on
.on:    mov ecx, ROUNDS
        xor ebx, ebx
.l9:    mov edx, WINDOW
        call edx
        add ebx, eax
        call edx
        lea ebx, [ebx + eax * 8]
        xor PTE(0), 0x1000
        invlpg [WINDOW]
        loop .l9
        SHOW 'remapped by INVLPG', ebx
        mov PTE(0), FRAMES + 7
        invlpg [WINDOW]
        mov ecx, ROUNDS
        xor ebx, ebx
.l10:   mov edx, WINDOW
        call edx
        add ebx, eax
        call edx
        lea ebx, [ebx + eax * 8]
        mov eax, cr3
        xor eax, DIRECTORY ^ SECOND
        mov cr3, eax
        loop .l10
        SHOW 'remapped by CR3', ebx
        ; one frame at two addresses: changed at one, executed at the other
        mov PTE(0), FRAMES + 7
        mov PTE(1), FRAMES + 7
        mov eax, DIRECTORY
        mov cr3, eax
        mov ecx, ROUNDS
        xor ebx, ebx
.l11:   mov [WINDOW + 0x1001], cx
        mov edx, WINDOW
        call edx
        add ebx, eax
        xor edx, 0x1000
        call edx
        lea ebx, [ebx + eax * 8]
        loop .l11
        SHOW 'one frame at two addresses', ebx
        ; an instruction across two pages, its second half changed and remapped
        mov word [FRAMES + 0x2ffe], 0x00b8
        mov dword [FRAMES + 0x3000], 0xc3000000
        mov dword [FRAMES + 0x4000], 0xc3000100
        mov PTE(2), FRAMES + 0x2007
        mov PTE(3), FRAMES + 0x3007
        mov ecx, ROUNDS
        xor ebx, ebx
.l12:   mov edx, WINDOW + 0x2ffe
        call edx
        add ebx, eax
        mov [FRAMES + 0x3000], cl
        call edx
        add ebx, eax
        xor PTE(3), 0x7000
        invlpg [WINDOW + 0x3000]
        loop .l12
        SHOW 'across two pages', ebx

        ; ---- segments ----
        ; the same bytes as 32-bit and as 16-bit code: see .bytes
        mov esi, .bytes
        mov edi, LOW
        mov ecx, .bytes_end - .bytes
        rep movsb
        mov ecx, ROUNDS
        xor ebp, ebp
.l13:   mov edi, .to32
        mov ebx, .to16 - .bytes + LOW
        xor eax, eax
        jmp CODE:LOW
.back32:
        add ebp, eax
        xor eax, eax
        jmp CODE16:LOW
.back16:
        lea ebp, [ebp + eax * 8]
        loop .l13
        SHOW 'as 32-bit and as 16-bit code', ebp
        ; another base of the code segment: the same bytes at another EIP
        DESCRIPTOR SPARE1, 0x1000, 0xfffff, 0x9a, 0xc0
        mov ecx, ROUNDS
        xor ebx, ebx
.l14:   call CODE:place
        add ebx, eax
        call SPARE1:place - 0x1000
        add ebx, eax
        loop .l14
        sub ebx, ((place - image + 0x100000) * 2 * ROUNDS) & 0xffffffff
        SHOW 'another base of CS', ebx

        ; ---- debug ----
        mov dword [hooks + 4], step_hook
        mov dword [scratch], 0
        mov dword [scratch + 4], 0
        mov ecx, ROUNDS
.l16:   pushfd
        or dword [esp], 0x100
        popfd
        inc ebx
.s16:   pushfd
        and dword [esp], ~0x100
        popfd
        nop
        loop .l16
        SHOW 'single steps', dword [scratch], dword [scratch + 4]
        ; a breakpoint in a loop that has run without
        mov dword [hooks + 4], break_hook
        mov dword [scratch], 0
        mov eax, .b17
        mov dr0, eax
        mov edx, 4
.l17:   mov ecx, ROUNDS
.m17:   xor ebx, ecx
.b17:   inc ebx
        loop .m17
        mov eax, 0x401
        xor eax, [scratch + 8]
        mov [scratch + 8], eax
        mov dr7, eax
        dec edx
        jnz .l17
        SHOW 'breakpoints on code', dword [scratch], ebx
        ; one on data that the loop writes
        mov dword [scratch], 0
        mov dword [hooks + 4], step_hook
        mov dword [scratch + 4], 0
        mov eax, scratch + 32
        mov dr0, eax
        mov edx, 4
        mov dword [scratch + 8], 0
.l18:   mov ecx, ROUNDS
.m18:   mov [scratch + 32], ecx
        add ebx, ecx
        loop .m18
        mov eax, 0xd0401
        xor eax, [scratch + 8]
        mov [scratch + 8], eax
        mov dr7, eax
        dec edx
        jnz .l18
        xor eax, eax
        mov dr7, eax
        SHOW 'breakpoints on data', dword [scratch], dword [scratch + 4], ebx
        mov eax, cr0
        and eax, 0x7ffeffff
        mov cr0, eax
        ret

; 32 bits: MOV EAX, 40400001h; JMP FAR [EDI]. 16 bits: MOV AX, 1; INC AX; INC AX; JMP FAR [BX].
.bytes: db 0xb8, 1, 0, 0x40, 0x40, 0xff, 0x2f
.to16:  dw .leave16 - .bytes + LOW, CODE16
.leave16:
        db 0x66
        db 0xea                 ; JMP FAR with 32 bits
        dd .back16
        dw CODE
.bytes_end:
.to32:  dd .back32
        dw CODE

; Stack of a hook: return address, EDI … EAX, vector, error code, EIP, CS, EFLAGS.
step_hook:
        inc dword [scratch]
        mov eax, [esp + 44]
        sub eax, main
        add [scratch + 4], eax
        xor eax, eax
        mov dr6, eax
        ret
break_hook:
        inc dword [scratch]
        or dword [esp + 52], 0x10000
        xor eax, eax
        mov dr6, eax
        ret

        align 4096
function:
.value: mov eax, 0
        ret
        times 16 nop
.one:   mov eax, 3
        ret
        nop
.other: mov eax, 5
        nop
        ret
.end:

place:
        call .here
.here:  pop eax
        retf
END
