; PAE paging: 4 KiB and 2 MiB pages, reserved bits, the pointer table and when it is read, pages beyond 4 GiB.
%include "kernel.inc"

POINTERS  equ 0x30000
DIRECTORY equ 0x31000           ; 0 - 1 GiB
TABLE     equ 0x32000           ; 4 MiB - 6 MiB
DIRECTORY2 equ 0x33000
WINDOW    equ 0x400000
FRAMES    equ 0x300000
%define PTE(n) dword [TABLE + (n) * 8]
%define PTE_HIGH(n) dword [TABLE + (n) * 8 + 4]

main:
        mov edi, POINTERS
        xor eax, eax
        mov ecx, 0x4000 / 4
        rep stosd
        mov dword [POINTERS], DIRECTORY + 1
        mov dword [DIRECTORY], 0x87
        mov dword [DIRECTORY + 8], 0x200087
        mov dword [DIRECTORY + 16], TABLE + 7
        mov eax, cr4
        or eax, 0x20
        mov cr4, eax
        mov eax, POINTERS
        mov cr3, eax
        mov eax, cr0
        or eax, 0x80000000
        mov cr0, eax
        jmp .on
.on:    SHOW 'running, directory', dword [DIRECTORY], dword [DIRECTORY + 8]
        mov PTE(0), FRAMES + 3
        mov eax, [WINDOW]
        SHOW 'after read', PTE(0), dword [DIRECTORY + 16]
        mov [WINDOW], eax
        SHOW 'after write', PTE(0)
        TRY .r1
.f1:    mov eax, [WINDOW + 0x1000]
.r1:    REPORT 'page not present', .f1
        TRY .r2
.f2:    mov [0x600000], eax
.r2:    REPORT 'directory entry not present', .f2
        TRY .r3
.f3:    mov eax, [0x40000000]
.r3:    REPORT 'pointer not present', .f3
        mov PTE(2), FRAMES + 0x2003
        mov PTE_HIGH(2), 0x80000000
        TRY .r4
.f4:    mov eax, [WINDOW + 0x2000]
.r4:    REPORT 'reserved bit 63', .f4
        mov PTE_HIGH(2), 0x100
        TRY .r5
        USER .f5
.f5:    mov [WINDOW + 0x2000], eax
.r5:    REPORT 'reserved bit 40, user write', .f5
        mov PTE_HIGH(2), 0
        mov eax, [WINDOW + 0x2000]
        ; a 2 MiB page with a reserved bit
        mov dword [DIRECTORY + 24], 0x00202083
        TRY .r6
.f6:    mov eax, [0x600000]
.r6:    REPORT '2 MiB with bit 13', .f6
        mov dword [DIRECTORY + 24], 0x00200083
        mov eax, [0x700000]
        SHOW '2 MiB read', dword [DIRECTORY + 24]
        mov [0x700000], eax
        SHOW '2 MiB written', dword [DIRECTORY + 24]
        mov dword [DIRECTORY + 24], 0
        invlpg [0x6ff000]
        TRY .r7
.f7:    mov eax, [0x700000]
.r7:    REPORT '2 MiB gone by INVLPG', .f7
        ; rights
        mov PTE(3), FRAMES + 0x3005
        TRY .r8
        USER .f8
.f8:    mov [WINDOW + 0x3000], eax
.r8:    REPORT 'user writes read-only', .f8
        mov PTE(4), FRAMES + 0x4003
        TRY .r9
        USER .f9
.f9:    mov eax, [WINDOW + 0x4000]
.r9:    REPORT 'user reads supervisor', .f9
        ; the pointer entries are read with CR3 only
        mov dword [POINTERS + 8], DIRECTORY2 + 1
        mov dword [DIRECTORY2], 0x87
        TRY .r10
.f10:   mov eax, [0x40100000]
.r10:   REPORT 'pointer not yet loaded', .f10
        mov eax, cr3
        mov cr3, eax
        mov eax, [0x100000]
        xor eax, [0x40100000]
        SHOW 'pointer loaded', eax, dword [DIRECTORY2]
        mov dword [POINTERS + 8], 0
        mov eax, [0x40100000]
        mov ebx, cr4
        mov eax, ebx
        xor eax, 0x80
        mov cr4, eax
        TRY .r11
.f11:   mov eax, [0x40100000]
.r11:   REPORT 'pointer gone by CR4.PGE', .f11
        mov cr4, ebx
        ; reserved bits of a pointer entry
        mov dword [POINTERS + 8], DIRECTORY2 + 3
        mov eax, cr3
        TRY .r12
.f12:   mov cr3, eax
.r12:   REPORT 'reserved bit in a pointer entry', .f12
        mov dword [POINTERS + 8], 0
        ; a pointer table that is not aligned to a page
        mov edi, POINTERS + 0x820
        mov esi, POINTERS
        mov ecx, 8
        rep movsd
        mov dword [POINTERS + 0x828], DIRECTORY2 + 1
        mov eax, POINTERS + 0x820
        mov cr3, eax
        mov eax, cr3
        SHOW 'pointer table at 32 bytes', eax, dword [0x40100000]
        ; global pages
        mov eax, cr4
        or eax, 0x80
        mov cr4, eax
        mov PTE(5), FRAMES + 0x5103
        mov dword [FRAMES_AT + 0x5000], 5
        mov dword [FRAMES_AT + 0x6000], 6
        mov eax, [WINDOW + 0x5000]
        mov PTE(5), FRAMES + 0x6103
        invlpg [WINDOW + 0x5000]
        SHOW 'global after INVLPG', dword [WINDOW + 0x5000]
        mov eax, cr0
        and eax, 0x7fffffff
        mov cr0, eax
        mov eax, cr4
        and eax, ~0xa0
        mov cr4, eax
        ret
FRAMES_AT equ FRAMES
END
