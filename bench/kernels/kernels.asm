; Ten small kernels without an operating system. `nasm -f bin kernels.asm -o kernels.bin`
; Each stresses one thing an emulator may be slow at; the order is that of KERNELS in ../guests/kernels.ts.

%define REPETITIONS 6
%include "frame.inc"

FIB_OF    equ 24
CRC_BYTES equ 8192
VM_LOOPS  equ 20000

        align 4
tests:  dd sieve, 60
        dd fib, 4
        dd copy, 200
        dd crc32, 20
        dd bytecode, 2
        dd spread, 12000
        dd x87_orbit, 50000
        dd x87_dot, 100000
        dd sse_mix, 50000
        dd rep_strings, 200
        dd 0, 0

; Sieve of Eratosthenes over a byte per number: byte stores at growing strides, short loops. EAX = primes found.
        align 16
sieve:  mov ebp, ecx
.again: mov edi, BUFFER
        mov ecx, BUFFER_BYTES / 4
        mov eax, 0x01010101
.fill:  mov [edi], eax
        add edi, 4
        dec ecx
        jnz .fill
        mov esi, 2
        xor edx, edx
.outer: cmp byte [BUFFER + esi], 0
        je .next
        inc edx
        lea ecx, [esi + esi]
.inner: cmp ecx, BUFFER_BYTES
        jae .next
        mov byte [BUFFER + ecx], 0
        add ecx, esi
        jmp .inner
.next:  inc esi
        cmp esi, BUFFER_BYTES
        jb .outer
        dec ebp
        jnz .again
        mov eax, edx
        ret

; Doubly recursive Fibonacci numbers: calls, returns, stack.
        align 16
fib:    mov esi, ecx
.again: push dword FIB_OF
        call .of
        add esp, 4
        dec esi
        jnz .again
        ret
.of:    push ebp
        mov ebp, esp
        push ebx
        mov ebx, [ebp + 8]
        cmp ebx, 2
        jl .small
        lea eax, [ebx - 1]
        push eax
        call .of
        add esp, 4
        push eax
        lea ecx, [ebx - 2]
        push ecx
        call .of
        add esp, 4
        pop ecx
        add eax, ecx
        pop ebx
        pop ebp
        ret
.small: mov eax, ebx
        pop ebx
        pop ebp
        ret

; Copies 64 KiB by dwords between buffers 1 MiB apart, where a small direct-mapped TLB has them share entries.
        align 16
copy:   mov ebp, ecx
        mov esi, BUFFER
        mov edi, BUFFER2
.again: xor ecx, ecx
.next:  mov eax, [esi + ecx * 4]
        mov [edi + ecx * 4], eax
        inc ecx
        cmp ecx, BUFFER_BYTES / 4
        jb .next
        dec ebp
        jnz .again
        ret

; CRC-32 bit by bit: dependent arithmetic, one branch that nobody can predict.
        align 16
crc32:  mov ebp, ecx
        mov edx, -1
.again: mov esi, BUFFER
        mov edi, CRC_BYTES
.byte:  movzx eax, byte [esi]
        inc esi
        xor edx, eax
        mov ecx, 8
.bit:   shr edx, 1
        jnc .zero
        xor edx, 0xEDB88320
.zero:  dec ecx
        jnz .bit
        dec edi
        jnz .byte
        dec ebp
        jnz .again
        mov eax, edx
        ret

; An interpreter of byte codes: an indirect jump every few instructions.
        align 16
bytecode:
        mov ebp, ecx
.again: mov edi, VM_LOOPS
        xor ebx, ebx
        mov esi, .program
        xor edx, edx
.next:  movzx eax, byte [esi]
        inc esi
        jmp [.table + eax * 4]
.add:   add ebx, edx
        jmp .next
.inc:   inc edx
        jmp .next
.xor:   xor ebx, 0x1234567
        jmp .next
.shl:   shl ebx, 1
        jmp .next
.store: mov [BUFFER + 0x8000], ebx
        jmp .next
.load:  mov edx, [BUFFER + 0x8000]
        jmp .next
.loop:  mov esi, .program
        dec edi
        jnz .next
        dec ebp
        jnz .again
        mov eax, ebx
        ret
        align 4
.table: dd .add, .inc, .xor, .shl, .store, .load, .loop
.program:
        db 0, 1, 2, 4, 3, 1, 5, 0, 1, 1, 2, 0, 4, 5, 2, 6

; A chain of 48 functions, each on a page of its own (at the end of this file).
        align 16
spread: mov ebp, ecx
        xor eax, eax
.again: call spread_0
        dec ebp
        jnz .again
        ret

        align 8
three:  dq 1.000000123, 0.731, -3.1415926, 2.7182818, 0.5772, 1.4142
factor: dq 0.999991, 1.7, 0.001

; x87 with operands kept on the stack of registers: some twenty operations, as in a step of an orbit.
        align 16
x87_orbit:
        fninit
        fld qword [three]
        fld qword [three + 8]
        fld qword [three + 16]
.again: fld st0
        fsub qword [three + 24]
        fmul st0, st0
        fld st2
        fsub qword [three + 32]
        fmul st0, st0
        faddp st1, st0
        fld st3
        fsub qword [three + 40]
        fmul st0, st0
        faddp st1, st0
        fmul qword [factor + 16]
        fadd st1, st0
        fmul qword [factor + 8]
        fsubp st2, st0
        fxch st1
        fmul qword [factor]
        fxch st1
        fmul qword [factor]
        dec ecx
        jnz .again
        fstp tword [BUFFER]
        fstp tword [BUFFER + 16]
        fstp tword [BUFFER + 32]
        xor eax, eax
        ret

; x87 as compilers write it: loads, products, a running sum, a store.
        align 16
x87_dot:
        fninit
        fldz
.again: fld qword [three]
        fmul qword [factor]
        fld qword [three + 8]
        fmul qword [factor + 8]
        faddp st1, st0
        fld qword [three + 16]
        fmul qword [factor + 16]
        faddp st1, st0
        fst qword [BUFFER + 8]
        faddp st1, st0
        dec ecx
        jnz .again
        fstp tword [BUFFER + 16]
        xor eax, eax
        ret

        align 16
near_one:
        dd 1.0001, 0.9999, 1.0, 1.00002
small:  dd 0.0001, 0.0002, -0.0001, 0.0

; SSE and SSE2: packed and scalar floating point, packed integers, unaligned loads and stores.
        align 16
sse_mix:
        movups xmm0, [near_one]
        movups xmm1, [small]
        movaps xmm2, xmm0
        pxor xmm4, xmm4
        movsd xmm5, [three]
        movsd xmm6, [factor]
.again: mulps xmm0, xmm2
        addps xmm0, xmm1
        movaps xmm3, xmm0
        mulps xmm3, xmm3
        addps xmm1, xmm3
        mulsd xmm5, xmm6
        addsd xmm5, xmm6
        paddd xmm4, xmm0
        pxor xmm4, xmm3
        movups [BUFFER], xmm4
        movups xmm7, [BUFFER]
        dec ecx
        jnz .again
        movups [BUFFER + 16], xmm7
        movsd [BUFFER + 32], xmm5
        movd eax, xmm4
        ret

; Repeated string instructions over whole pages.
        align 16
rep_strings:
        mov ebp, ecx
        cld
.again: mov esi, BUFFER
        mov edi, BUFFER2
        mov ecx, BUFFER_BYTES / 4
        rep movsd
        mov edi, BUFFER
        mov ecx, BUFFER_BYTES / 4
        mov eax, ebp
        rep stosd
        dec ebp
        jnz .again
        ret

%assign i 0
%rep 48
        align 4096
        times (i * 37) nop              ; so that the functions do not share cache sets
spread_%+i:
        push ebx
        mov ebx, eax
        add eax, i * 3 + 1
        shl ebx, 3
        xor eax, ebx
        cmp eax, 0x1000
        jb .low
        sub eax, 0x77
.low:   push eax
%if i < 47
%assign j i + 1
        call spread_%+j
%endif
        pop ebx
        add eax, ebx
        pop ebx
        ret
%assign i i + 1
%endrep
image_end:
