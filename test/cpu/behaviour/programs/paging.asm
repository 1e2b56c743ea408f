; Paging: error codes, accessed and dirty bits, WP, user and supervisor, 4 MiB pages, reserved bits, global pages, INVLPG.
%include "kernel.inc"

DIRECTORY equ 0x30000
TABLE0    equ 0x31000           ; 0 - 4 MiB, identity
TABLE1    equ 0x32000           ; 4 MiB - 8 MiB: the pages under test
WINDOW    equ 0x400000
FRAMES    equ 0x300000          ; physical pages behind the window
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
        or eax, 0x80000000
        mov cr0, eax
        jmp .on
.on:
        ; not present: read, write, with P = 0
        TRY .r0
.f0:    mov eax, [WINDOW + 0x123]
.r0:    REPORT 'read not present', .f0
        TRY .r1
.f1:    mov [WINDOW + 0x124], eax
.r1:    REPORT 'write not present', .f1
        TRY .r2
        mov eax, 0x800000
.f2:    inc dword [eax]
.r2:    REPORT 'directory not present, read-modify-write', .f2

        ; accessed and dirty
        mov PTE(0), FRAMES + 3
        mov dword [DIRECTORY + 4], TABLE1 + 7
        mov eax, [WINDOW]
        SHOW 'after read, PTE', PTE(0), dword [DIRECTORY + 4]
        mov [WINDOW], eax
        SHOW 'after write, PTE', PTE(0)
        mov PTE(1), FRAMES + 0x1003
        mov [WINDOW + 0x1000], eax
        SHOW 'write first, PTE', PTE(1)
        mov PTE(2), FRAMES + 0x2003
        mov eax, 1
        cmpxchg [WINDOW + 0x2000], eax
        SHOW 'CMPXCHG not equal, PTE', PTE(2)
        mov PTE(3), FRAMES + 0x3003
        test dword [WINDOW + 0x3000], 1
        SHOW 'TEST, PTE', PTE(3)
        and dword [WINDOW + 0x3000], 0
        SHOW 'AND, PTE', PTE(3)

        ; write protection and the supervisor
        mov PTE(4), FRAMES + 0x4001
        invlpg [WINDOW + 0x4000]
        TRY .r3
        mov dword [WINDOW + 0x4000], 0x1234
.r3:    REPORT 'supervisor writes read-only, WP = 0', .r3
        SHOW 'PTE', PTE(4), dword [FRAMES + 0x4000]
        mov eax, cr0
        or eax, 0x10000
        mov cr0, eax
        TRY .r4
.f4:    mov dword [WINDOW + 0x4000], 0x5678
.r4:    REPORT 'supervisor writes read-only, WP = 1', .f4
        SHOW 'frame', dword [FRAMES + 0x4000]
        mov PTE(4), FRAMES + 0x4005
        invlpg [WINDOW + 0x4000]
        TRY .r5
.f5:    inc dword [WINDOW + 0x4000]
.r5:    REPORT 'supervisor INC on user read-only, WP = 1', .f5
        SHOW 'PTE', PTE(4)

        ; user accesses
        mov PTE(5), FRAMES + 0x5003
        TRY .r6
        USER .f6
.f6:    mov eax, [WINDOW + 0x5010]
.r6:    REPORT 'user reads supervisor page', .f6
        TRY .r7
        USER .f7
.f7:    mov [WINDOW + 0x5010], eax
.r7:    REPORT 'user writes supervisor page', .f7
        TRY .r8
        USER .f8
.f8:    mov [WINDOW + 0x4010], eax
.r8:    REPORT 'user writes read-only page', .f8
        TRY .r9
        USER .f9
.f9:    mov eax, [WINDOW + 0x6000]
.r9:    REPORT 'user reads not present', .f9
        TRY .r10
        USER .f10
.f10:   add [WINDOW + 0x6001], al
.r10:   REPORT 'user read-modify-write not present', .f10
        TRY .r11
        USER WINDOW + 0x5020
.r11:   REPORT 'user fetches supervisor page', WINDOW + 0x5020
        TRY .r12
        mov eax, WINDOW + 0x7020
        jmp eax
.r12:   REPORT 'supervisor fetches not present', WINDOW + 0x7020
        ; the directory entry rules too
        mov PTE(5), FRAMES + 0x5007
        mov dword [DIRECTORY + 4], TABLE1 + 3
        mov eax, cr3
        mov cr3, eax
        TRY .r13
        USER .f13
.f13:   mov eax, [WINDOW + 0x5010]
.r13:   REPORT 'user page under a supervisor directory entry', .f13
        mov dword [DIRECTORY + 4], TABLE1 + 5
        mov eax, cr3
        mov cr3, eax
        TRY .r14
.f14:   mov [WINDOW + 0x5010], eax
.r14:   REPORT 'writable page under a read-only directory entry', .f14
        mov dword [DIRECTORY + 4], TABLE1 + 7
        mov eax, cr3
        mov cr3, eax

        ; accesses across pages: the second page faults, nothing is written
        mov PTE(8), FRAMES + 0x8007
        mov PTE(9), 0
        invlpg [WINDOW + 0x9000]
        mov dword [WINDOW + 0x8ffc], 0x11223344
        TRY .r15
.f15:   mov dword [WINDOW + 0x8ffe], 0xaabbccdd
.r15:   REPORT 'write across', .f15
        SHOW 'memory', dword [WINDOW + 0x8ffc]
        TRY .r16
.f16:   mov eax, [WINDOW + 0x8ffd]
.r16:   REPORT 'read across', .f16
        TRY .r17
.f17:   add dword [WINDOW + 0x8fff], 1
.r17:   REPORT 'read-modify-write across', .f17
        SHOW 'memory', dword [WINDOW + 0x8ffc]
        ; the first page faults: CR2 is the address itself
        mov PTE(9), FRAMES + 0x9007
        mov PTE(8), 0
        invlpg [WINDOW + 0x8000]
        TRY .r18
.f18:   mov dword [WINDOW + 0x8ffe], 0xaabbccdd
.r18:   REPORT 'write across, first page', .f18
        mov PTE(8), FRAMES + 0x8007
        mov PTE(9), FRAMES + 0x9005
        invlpg [WINDOW + 0x9000]
        TRY .r19
.f19:   mov dword [WINDOW + 0x8ffe], 0xaabbccdd
.r19:   REPORT 'write across, second read-only', .f19
        SHOW 'memory', dword [WINDOW + 0x8ffc]
        mov eax, [WINDOW + 0x8ffe]
        SHOW 'read across is allowed', eax

        ; restart: a stack that ends at a missing page
        mov PTE(9), FRAMES + 0x9007
        mov PTE(8), 0
        invlpg [WINDOW + 0x8000]
        invlpg [WINDOW + 0x9000]
        mov ebp, 0x55
        TRY .r20
        USER .u20
.u20:   mov esp, WINDOW + 0x9010
.f20:   pushad
.r20:   REPORT 'PUSHA', .f20
        TRY .r21
        USER .u21
.u21:   mov esp, WINDOW + 0x9000
.f21:   call .r21
.r21:   REPORT 'CALL', .f21
        TRY .r22
        USER .u22
.u22:   mov esp, WINDOW + 0x9000
.f22:   push eax
.r22:   REPORT 'PUSH', .f22
        TRY .r23
        USER .u23
.u23:   mov esp, WINDOW + 0x9000
.f23:   enter 16, 0
.r23:   REPORT 'ENTER', .f23
        SHOW 'EBP', dword [caught_registers + 8]
        TRY .r24
        USER .u24
.u24:   mov esp, WINDOW + 0x9000
        mov ecx, 0x1234
.f24:   pop dword [WINDOW + 0x8000]
.r24:   REPORT 'POP to memory', .f24

        ; restart of string instructions, with the work done so far
        mov esi, FRAMES
        mov edi, WINDOW + 0x7ff0
        mov ecx, 16
        mov PTE(7), FRAMES + 0x7007
        TRY .r25
.f25:   rep movsd
.r25:   REPORT 'REP MOVSD', .f25
        SHOW 'ECX, ESI, EDI', dword [caught_registers + 24], dword [caught_registers + 4], dword [caught_registers]
        mov edi, WINDOW + 0x7ffd
        mov ecx, 16
        TRY .r26
.f26:   rep stosb
.r26:   REPORT 'REP STOSB', .f26
        SHOW 'ECX, EDI', dword [caught_registers + 24], dword [caught_registers]
        mov edi, WINDOW + 0x7ffe
        mov ecx, 16
        mov eax, -1
        mov dword [WINDOW + 0x7ffc], 0
        TRY .r27
.f27:   rep stosd
.r27:   REPORT 'REP STOSD across', .f27
        SHOW 'ECX, EDI', dword [caught_registers + 24], dword [caught_registers], dword [WINDOW + 0x7ffc]
        mov esi, WINDOW + 0x7fff
        mov edi, FRAMES
        mov ecx, 5
        TRY .r28
.f28:   repe cmpsb
.r28:   REPORT 'REPE CMPSB', .f28
        std
        mov edi, WINDOW + 0x9003
        mov ecx, 16
        TRY .r29
.f29:   rep stosb
.r29:   cld
        REPORT 'REP STOSB downwards', .f29
        SHOW 'ECX, EDI', dword [caught_registers + 24], dword [caught_registers]

        ; 4 MiB pages
        mov eax, cr4
        or eax, 0x10
        mov cr4, eax
        mov dword [DIRECTORY + 8], 0x00000087
        mov eax, [0x800000 + FRAMES + 0x4000]
        SHOW '4 MiB read', dword [DIRECTORY + 8]
        mov [0x800000 + FRAMES + 0x4000], eax
        SHOW '4 MiB written', dword [DIRECTORY + 8]
        mov dword [DIRECTORY + 8], 0x00000085
        invlpg [0x800000]
        TRY .r30
.f30:   mov [0x800000 + FRAMES + 0x4000], eax
.r30:   REPORT '4 MiB read-only', .f30
        mov dword [DIRECTORY + 8], 0x00000083
        invlpg [0xabc000]
        TRY .r31
        USER .f31
.f31:   mov eax, [0x800000 + FRAMES + 0x4000]
.r31:   REPORT '4 MiB supervisor', .f31
        mov dword [DIRECTORY + 8], 0
        invlpg [0x812345]
        TRY .r33
.f33:   mov eax, [0x800000 + FRAMES + 0x4000]
.r33:   REPORT '4 MiB gone', .f33

        ; global pages outlive a load of CR3, not INVLPG
        mov eax, cr4
        or eax, 0x80
        mov cr4, eax
        mov PTE(10), FRAMES + 0xa103
        mov PTE(11), FRAMES + 0xb003
        mov dword [FRAMES + 0xa000], 0xa
        mov dword [FRAMES + 0xb000], 0xb
        mov dword [FRAMES + 0xc000], 0xc
        mov eax, [WINDOW + 0xa000]
        mov eax, [WINDOW + 0xb000]
        mov PTE(11), FRAMES + 0xc003
        mov eax, cr3
        mov cr3, eax
        SHOW 'not global after CR3', dword [WINDOW + 0xb000]
        mov PTE(10), FRAMES + 0xc003
        invlpg [WINDOW + 0xa000]
        SHOW 'global after INVLPG', dword [WINDOW + 0xa000]
        mov PTE(10), FRAMES + 0xb103
        invlpg [WINDOW + 0xa000]
        mov eax, [WINDOW + 0xa000]
        mov PTE(10), FRAMES + 0xa103
        mov eax, cr4
        and eax, ~0x80
        mov cr4, eax
        SHOW 'global after CR4.PGE', dword [WINDOW + 0xa000]

        ; system accesses of ring 3: the supervisor's rights
        mov PTE(12), FRAMES + 0xc003
        invlpg [WINDOW + 0xc000]
        TRY .r32
        USER .f32
.f32:   mov ax, UDATA
        mov ds, ax
        int 0x30
.r32:   REPORT 'INT from ring 3', .f32
        mov eax, cr0
        and eax, 0x7ffeffff
        mov cr0, eax
        ret
END
