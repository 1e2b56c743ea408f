; A compiler of its own: makes machine code of random programs for a small register machine, all the time and in the same few pages, and
; interprets the same programs. Shows how many results differ, and a hash over them.
%include "kernel.inc"

BUFFER  equ 0x300000
PROGRAM equ 0x20000             ; pairs of operation and operand
UNITS   equ 400                 ; programs
OPERATIONS equ 24
REPEATS equ 12                  ; times each is executed

main:
        mov dword [seed], 12345
        mov dword [hash], 0
        mov dword [wrong], 0
        mov dword [units], UNITS
.unit:
        call make
        call compile
        mov dword [left], REPEATS
        mov dword [compiled], 1
        mov dword [interpreted], 1
.again:
        mov eax, [compiled]
        call [entry]
        mov [compiled], eax
        mov eax, [interpreted]
        call interpret
        mov [interpreted], eax
        dec dword [left]
        jnz .again
        cmp eax, [compiled]
        je .right
        inc dword [wrong]
.right: mov edx, [hash]
        rol edx, 5
        xor edx, [compiled]
        mov [hash], edx
        dec dword [units]
        jnz .unit
        SHOW 'programs that compute something else', dword [wrong]
        SHOW 'hash', dword [hash]
        ret

random:
        imul eax, [seed], 1664525
        add eax, 1013904223
        mov [seed], eax
        shr eax, 7
        ret

make:
        mov edi, PROGRAM
        mov ecx, OPERATIONS
.next:  call random
        and eax, 7
        stosd
        call random
        stosd
        loop .next
        ret

; Code for the program at one of 32 places of two pages, the second of which some run into from the first.
compile:
        call random
        and eax, 31
        imul eax, 200
        add eax, BUFFER + 0x40
        mov [entry], eax
        mov edi, eax
        mov esi, PROGRAM
        mov ebx, OPERATIONS
.next:  lodsd
        mov edx, [esi]
        add esi, 4
        jmp [.table + eax * 4]
.table: dd .add, .sub, .xor, .rotate, .multiply, .not, .shift, .branch
.add:   mov al, 0x05            ; ADD EAX, imm32
        jmp .immediate
.sub:   mov al, 0x2d            ; SUB EAX, imm32
        jmp .immediate
.xor:   mov al, 0x35            ; XOR EAX, imm32
.immediate:
        stosb
        mov eax, edx
        stosd
        jmp .done
.rotate:
        mov ax, 0xc0c1          ; ROL EAX, imm8
        jmp .byte
.shift: mov ax, 0xe8c1          ; SHR EAX, imm8
.byte:  stosw
        mov al, dl
        and al, 31
        stosb
        jmp .done
.multiply:
        mov ax, 0xc069          ; IMUL EAX, EAX, imm32
        stosw
        mov eax, edx
        or eax, 1
        stosd
        jmp .done
.not:   mov ax, 0xd0f7          ; NOT EAX
        stosw
        jmp .done
.branch:
        mov eax, 0x017901a8     ; TEST AL, 1; JNS +1; INC EAX
        stosd
        mov al, 0x40
        stosb
.done:  dec ebx
        jnz .next
        mov al, 0xc3
        stosb
        ret

interpret:
        mov esi, PROGRAM
        mov ebx, OPERATIONS
.next:  mov edx, [esi]
        mov ecx, [esi + 4]
        add esi, 8
        jmp [.table + edx * 4]
.table: dd .add, .sub, .xor, .rotate, .multiply, .not, .shift, .branch
.add:   add eax, ecx
        jmp .done
.sub:   sub eax, ecx
        jmp .done
.xor:   xor eax, ecx
        jmp .done
.rotate:
        and cl, 31
        rol eax, cl
        jmp .done
.multiply:
        or ecx, 1
        imul eax, ecx
        jmp .done
.not:   not eax
        jmp .done
.shift: and cl, 31
        shr eax, cl
        jmp .done
.branch:
        ; TEST of a byte with 1 is never negative.
.done:  dec ebx
        jnz .next
        ret

absolute 0x1f000
seed:           resd 1
hash:           resd 1
wrong:          resd 1
units:          resd 1
left:           resd 1
compiled:       resd 1
interpreted:    resd 1
entry:          resd 1
section .text
END
