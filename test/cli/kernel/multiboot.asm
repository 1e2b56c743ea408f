; A multiboot kernel that says on COM1 what it was given and ends the machine with code 7.
; Assemble with `nasm -f bin -o multiboot.bin multiboot.asm`.
                bits 32
                org 0x200000
FLAGS           equ 0x00010003
header:
                dd 0x1BADB002
                dd FLAGS
                dd -(0x1BADB002 + FLAGS)
                dd header, header, load_end, bss_end, start

start:
                mov esp, stack
                mov ecx, eax
                mov dx, 0x3FB                   ; COM1: 8 data bits
                mov al, 3
                out dx, al
                mov eax, ecx
                cmp eax, 0x2BADB002
                mov esi, text_bad
                jne .say
                mov esi, text_good
.say:
                call put
                mov esi, [ebx + 16]             ; command line
                call put_line
                mov eax, [ebx + 8]              ; mem_upper
                call put_hex
                mov eax, [ebx + 44]             ; length of the memory map
                xor edx, edx
                mov ecx, 24
                div ecx
                call put_hex
                cmp dword [ebx + 20], 1
                jne .end
                mov edi, [ebx + 24]
                mov esi, [edi + 8]              ; the module's string
                call put_line
                mov esi, [edi]
                mov edi, [edi + 4]
.byte:
                cmp esi, edi
                jae .end
                lodsb
                call put_byte
                jmp .byte
.end:
                mov esi, zeroed                 ; the bss must be zero
                mov ecx, ZEROED
.zero:
                lodsb
                test al, al
                jnz .dirty
                loop .zero
                mov al, 7
                jmp .exit
.dirty:
                mov al, 9
.exit:
                out 0xF4, al
                hlt
                jmp .exit

put_line:
                call put
                mov al, 10
                jmp put_byte
put:
                lodsb
                test al, al
                jz .done
                call put_byte
                jmp put
.done:
                ret
put_byte:
                push eax
                mov dx, 0x3FD
.wait:
                in al, dx
                test al, 0x20
                jz .wait
                pop eax
                mov dx, 0x3F8
                out dx, al
                ret
put_hex:
                mov ecx, 8
.digit:
                rol eax, 4
                push eax
                and al, 15
                cmp al, 10
                sbb al, 0x69
                das
                call put_byte
                pop eax
                loop .digit
                mov al, 10
                jmp put_byte

text_good       db 'multiboot', 10, 0
text_bad        db 'wrong magic', 10, 0
load_end:
                absolute 0x208000
ZEROED          equ 40000
zeroed:         resb ZEROED
                resb 4096
stack:
bss_end:
