; Execution up to and over the end of a segment of 64 KiB.
%include "kernel.inc"
%include "real.inc"

main:
        REAL_SETUP

        ; the end of the segment
        REAL 'the last byte of the segment', 0xfffa
        mov ax, 0x1234
        nop
        REAL_END
        mov dword [keep], 1
        mov byte [CODE_AT + 0xffff], 0x90
        mov word [CODE_AT + 0x10000], 0x1fcd
        mov word [CODE_AT], 0x1fcd
        REAL 'NOP at FFFFh', 0xfff0
        db 0xe9, 0x0c, 0
        REAL_END
        mov byte [CODE_AT + 0xffff], 0xb8
        REAL 'MOV AX, imm16 at FFFFh', 0xfff0
        db 0xe9, 0x0c, 0
        REAL_END
        mov word [CODE_AT + 0xfffe], 0x20eb
        mov word [CODE_AT + 0x20], 0x1fcd
        REAL 'short jump over the end wraps', 0xfff0
        db 0xe9, 0x0b, 0
        REAL_END
        mov word [CODE_AT + 0x10], 0x1fcd
        REAL 'short jump backwards over 0', 0
        jmp strict short $ - 0x70
        REAL_END
        mov word [CODE_AT + 0xff92], 0x1fcd
        REAL 'short jump backwards over 0 again', 0
        jmp strict short $ - 0x6e
        REAL_END
        REAL 'jump with 32 bits beyond the limit', 0x100
        db 0x66, 0xe9, 0, 0, 1, 0
        REAL_END
        REAL 'RET with 32 bits beyond the limit', 0x100
        push dword 0x10000
        o32 ret
        REAL_END
        REAL 'PUSH with SP = 0', 0x100
        mov bx, sp
        mov sp, 0
        push ax
        mov ax, sp
        mov sp, bx
        REAL_END
        REAL 'PUSH with ESP above 64 KiB', 0x100
        mov esp, 0x12340000 + 0x7ffe
        push word 0x5678
        mov eax, esp
        pop bx
        REAL_END
        mov dword [keep], 0

        ret
END
