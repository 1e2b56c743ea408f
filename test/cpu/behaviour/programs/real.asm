; Real mode: faults through the vector table, limits, instruction lengths and prefixes, LOCK, unreal mode, the way from
; protected to real mode and back, each in turn.
%include "kernel.inc"
%include "real.inc"

main:
        REAL_SETUP

        REAL 'plain'
        mov ax, 0x1234
        mov bx, cs
        REAL_END
        REAL 'division by 0'
        mov ax, 5
        div bl
        REAL_END
        REAL 'division overflow'
        mov ax, 0x500
        mov bl, 1
        div bl
        REAL_END
        REAL 'undefined opcode'
        ud2
        REAL_END
        REAL 'BOUND'
        mov ax, 5
        bound ax, [bx + 0x100]
        REAL_END
        REAL 'INTO'
        mov al, 0x7f
        inc al
        into
        REAL_END
        REAL 'word at FFFFh'
        mov ax, [0xffff]
        REAL_END
        REAL 'dword at FFFDh'
        mov eax, [0xfffd]
        REAL_END
        REAL 'dword at FFFCh'
        mov dword [0xfffc], 0x11223344
        mov eax, [0xfffc]
        REAL_END
        REAL 'write of a word at FFFFh'
        mov [0xffff], ax
        REAL_END
        REAL 'word at SS:FFFFh'
        mov bp, 0xffff
        mov ax, [bp]
        REAL_END
        REAL '32-bit address beyond the limit'
        mov eax, 0x12345
        mov bl, [eax]
        REAL_END
        REAL '16-bit index wraps'
        mov bx, 0xfff0
        mov byte [0x20], 0x77
        mov si, 0x30
        mov al, [bx + si]
        REAL_END
        REAL 'LODSW at FFFFh'
        mov si, 0xffff
        lodsw
        REAL_END
        REAL 'REP STOSB over the end'
        mov di, 0xfffe
        mov cx, 4
        mov al, 0x55
        rep stosb
        mov bx, [0xfffe]
        mov ax, di
        REAL_END
        REAL 'no protected mode: LLDT'
        lldt ax
        REAL_END
        REAL 'no protected mode: LAR'
        lar ax, bx
        REAL_END
        REAL 'no protected mode: ARPL'
        arpl ax, bx
        REAL_END
        REAL 'MOV CS'
        db 0x8e, 0xc8
        REAL_END
        REAL 'MOV from an undefined segment register'
        db 0x8c, 0xf0
        REAL_END

        ; LOCK
        REAL 'LOCK INC memory'
        lock inc word [0x100]
        REAL_END
        REAL 'LOCK MOV'
        db 0xf0, 0x89, 0x07
        REAL_END
        REAL 'LOCK ADD register'
        db 0xf0, 0x01, 0xd8
        REAL_END
        REAL 'LOCK CMP memory'
        db 0xf0, 0x39, 0x07
        REAL_END
        REAL 'LOCK NOP'
        db 0xf0, 0x90
        REAL_END
        REAL 'LOCK BTS memory'
        lock bts [0x100], ax
        REAL_END
        REAL 'LOCK BT memory'
        db 0xf0, 0x0f, 0xa3, 0x07
        REAL_END
        REAL 'LOCK MOVSB'
        db 0xf0, 0xa4
        REAL_END

        ; lengths and prefixes
        REAL '14 prefixes and a NOP'
        times 14 db 0x66
        nop
        REAL_END
        REAL '15 prefixes'
        times 15 db 0x66
        nop
        REAL_END
        REAL '11 prefixes, 17 bytes'
        times 11 db 0x3e
        db 0xc7, 0x06, 0x00, 0x01, 0x34, 0x12
        mov ax, [0x100]
        REAL_END
        REAL '9 prefixes, 15 bytes'
        times 9 db 0x3e
        db 0xc7, 0x06, 0x00, 0x01, 0x34, 0x12
        mov ax, [0x100]
        REAL_END
        REAL '10 prefixes, 16 bytes'
        times 10 db 0x3e
        db 0xc7, 0x06, 0x00, 0x01, 0x34, 0x12
        REAL_END
        REAL 'the last segment prefix counts'
        mov word [0x100], 0x1111
        push ss
        pop es
        mov word [es:0x100], 0x2222
        db 0x26, 0x3e
        mov ax, [0x100]
        db 0x3e, 0x26
        mov bx, [0x100]
        REAL_END
        REAL 'two operand size prefixes are one'
        mov eax, 0x11112222
        db 0x66, 0x66
        mov bx, ax
        REAL_END
        REAL 'the last of REPNE and REP counts'
        mov cx, 5
        mov al, 0x90
        mov di, 0x4000
        db 0xf2, 0xf3, 0xae
        mov ax, cx
        mov cx, 5
        db 0xf3, 0xf2
        xor al, al
        mov al, 0x90
        db 0xf3, 0xf2, 0xae
        mov bx, cx
        REAL_END
        REAL 'prefixes in any order'
        mov eax, 0x12345678
        mov [0x104], eax
        xor eax, eax
        mov edx, 0x100
        db 0x67, 0x3e, 0x66, 0x8b, 0x42, 0x04
        db 0x66, 0x3e, 0x67, 0x8b, 0x5a, 0x04
        REAL_END

        ; unreal mode: a segment register keeps the limit of protected mode
        DESCRIPTOR SPARE2, 0, 0xfffff, 0x92, 0xc0
        mov dword [LOW + big - low], 1
        mov ax, SPARE2
        mov fs, ax
        mov dword [0x200000], 0xcafe1234
        REAL 'unreal FS'
        mov ebx, 0x200000
        mov eax, [fs:ebx]
        REAL_END
        mov ax, SPARE2
        mov fs, ax
        REAL 'unreal FS loaded again keeps its limit'
        mov ax, 0x1000
        mov fs, ax
        mov ebx, 0x200000 - 0x10000
        mov eax, [fs:ebx]
        REAL_END
        mov dword [LOW + big - low], 0
        REAL 'no unreal DS'
        mov ebx, 0x200000
        mov eax, [ebx]
        REAL_END

        ; the vector table elsewhere and shorter
        mov dword [LOW + ivt - low + 2], 0x47000
        mov esi, 0
        mov edi, 0x47000
        mov ecx, 0x20
        rep movsd
        mov eax, (LOW_SEGMENT << 16) + (stubs16 - low) + 5 * 5
        mov [0x47000 + 6 * 4], eax
        REAL 'vector table moved: #UD goes to the stub of 5'
        ud2
        REAL_END
        mov word [LOW + ivt - low], 0x1f * 4 + 2
        REAL 'vector beyond the table: #GP'
        int 0x1f
        REAL_END
        mov word [LOW + ivt - low], 0x3ff
        mov dword [LOW + ivt - low + 2], 0

        ; mode changes with the same code decoded anew: 16 bits, 32 bits
        mov dword [count], 3
.again: REAL 'back and forth'
        db 0xb8, 1, 0, 0x40, 0x40
        REAL_END
        mov dword [CODE_AT], 0x400001b8
        mov word [CODE_AT + 4], 0xc340
        call CODE_AT
        SHOW 'the same bytes in 32 bits', eax
        dec dword [count]
        jnz .again
        ret
count:  dd 0
END
