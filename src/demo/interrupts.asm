; Interrupt descriptor table, 8259A pair at 20h/28h, 8254 channel 0, exception report.
                bits 32
PIC1            equ 0x20
PIC2            equ 0xA0
VECTOR_IRQ0     equ 0x20

%macro exception_stub 1
exception_%1:
  %if !(%1 == 8 || (%1 >= 10 && %1 <= 14) || %1 == 17)
                push dword 0                    ; the processor pushes no error code for this one
  %endif
                push dword %1
                jmp exception_common
%endmacro

%assign vector 0
%rep 32
                exception_stub vector
  %assign vector vector + 1
%endrep

exception_table:
%assign vector 0
%rep 32
                dd exception_%[vector]
  %assign vector vector + 1
%endrep

irq_table:
                dd irq_timer, irq_keyboard, irq_other_1, irq_other_1, irq_serial, irq_other_1, irq_other_1, irq_7
                dd irq_other_2, irq_other_2, irq_other_2, irq_other_2, irq_other_2, irq_other_2, irq_disk_1, irq_disk_2

interrupts_init:
                mov esi, exception_table
                mov edi, idt
                mov ecx, 32
                call .gates
                mov esi, irq_table
                mov ecx, 16
                call .gates
                lidt [idt_pointer]

                mov al, 0x11                    ; ICW1: edge triggered, cascade, ICW4 follows
                out PIC1, al
                out PIC2, al
                mov al, VECTOR_IRQ0             ; ICW2
                out PIC1 + 1, al
                mov al, VECTOR_IRQ0 + 8
                out PIC2 + 1, al
                mov al, 4                       ; ICW3: slave on IRQ 2
                out PIC1 + 1, al
                mov al, 2
                out PIC2 + 1, al
                mov al, 1                       ; ICW4: 8086 mode
                out PIC1 + 1, al
                out PIC2 + 1, al
                mov al, 0xE8                    ; timer, keyboard, cascade, COM1
                out PIC1 + 1, al
                mov al, 0x3F                    ; both IDE channels
                out PIC2 + 1, al

                mov al, 0x34                    ; channel 0, both bytes, mode 2
                out 0x43, al
                mov ax, PIT_HZ / TICKS_PER_SECOND
                out 0x40, al
                mov al, ah
                out 0x40, al
                ret

.gates:                                         ; ECX interrupt gates from the table at ESI to EDI
                lodsd
                mov [edi], ax
                mov word [edi + 2], CODE32
                mov word [edi + 4], 0x8E00
                shr eax, 16
                mov [edi + 6], ax
                add edi, 8
                loop .gates
                ret

idt_pointer:
                dw 48 * 8 - 1
                dd idt
empty_idt_pointer:
                dw 0
                dd 0

irq_timer:
                inc dword [ticks]
                push eax
                mov al, 0x20                    ; end of interrupt
                out PIC1, al
                pop eax
                iret

irq_keyboard:
                pushad
                call keyboard_interrupt
                mov al, 0x20
                out PIC1, al
                popad
                iret

irq_serial:
                pushad
                call serial_interrupt
                mov al, 0x20
                out PIC1, al
                popad
                iret

irq_disk_1:
                push eax
                push edx
                mov dx, 0x1F7                   ; reading status withdraws INTRQ
                in al, dx
                mov [disk_interrupt], byte 1
                inc dword [disk_interrupts]
                mov al, 0x20
                out PIC2, al
                out PIC1, al
                pop edx
                pop eax
                iret

irq_disk_2:
                push eax
                push edx
                mov dx, 0x177
                in al, dx
                mov [disk_interrupt], byte 1
                inc dword [disk_interrupts]
                mov al, 0x20
                out PIC2, al
                out PIC1, al
                pop edx
                pop eax
                iret

; IRQ 7 without its bit in service is spurious and wants no end of interrupt.
irq_7:
                push eax
                mov al, 0x0B                    ; OCW3: read ISR
                out PIC1, al
                in al, PIC1
                test al, al
                jns .spurious
                mov al, 0x20
                out PIC1, al
.spurious:
                pop eax
                iret

irq_other_1:
                push eax
                mov al, 0x20
                out PIC1, al
                pop eax
                iret

irq_other_2:
                push eax
                mov al, 0x20
                out PIC2, al
                out PIC1, al
                pop eax
                iret

; Stack: vector, error code, EIP, CS, EFLAGS. Reports and goes back to the prompt.
exception_common:
                mov dword [window], console
                mov byte [console + WINDOW_ATTR], ATTR_ERROR
                mov esi, text_exception
                call puts
                mov eax, [esp]
                call put_dec
                mov esi, text_exception_eip
                call puts
                mov eax, [esp + 8]
                mov cl, 8
                call put_hex
                mov esi, text_exception_code
                call puts
                mov eax, [esp + 4]
                mov cl, 8
                call put_hex
                mov al, 10
                call putc
                mov byte [console + WINDOW_ATTR], ATTR_TEXT
                mov esp, STACK_TOP
                sti
                jmp shell_loop

text_exception  db 'Exception ', 0
text_exception_eip db ' at ', 0
text_exception_code db ', error code ', 0

; Waits EAX ticks, halted.
wait_ticks:
                add eax, [ticks]
.wait:
                cmp [ticks], eax
                jns .done
                hlt
                jmp .wait
.done:
                ret
