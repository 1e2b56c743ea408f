; What the machine consists of: processor (CPUID), memory (E820), PCI functions, IDE devices.
                bits 32

; Draws the frames and fills the panels; every line also goes to COM1.
inventory_show:
                mov eax, 0 | 1 << 8 | 39 << 16 | 6 << 24
                mov esi, title_cpu
                call frame
                mov eax, 0 | 7 << 8 | 39 << 16 | 12 << 24
                mov esi, title_system
                call frame
                mov eax, 40 | 1 << 8 | 79 << 16 | 12 << 24
                mov esi, title_pci
                call frame
                mov dword [window], panel_cpu
                call window_clear
                call cpu_show
                mov dword [window], panel_system
                call window_clear
                call memory_show
                call ide_show
                mov dword [window], panel_pci
                call window_clear
                call pci_show
                mov dword [window], console
                ret

title_cpu       db 'Processor', 0
title_system    db 'Memory and disks', 0
title_pci       db 'PCI bus 0', 0

%macro color 1
                push ebx
                mov ebx, [window]
                mov byte [ebx + WINDOW_ATTR], %1
                pop ebx
%endmacro

cpu_show:
                pushfd                          ; CPUID exists when EFLAGS.ID can be changed
                pop eax
                mov ecx, eax
                xor eax, 1 << 21
                push eax
                popfd
                pushfd
                pop eax
                xor eax, ecx
                test eax, 1 << 21
                jnz .cpuid
                mov esi, text_no_cpuid
                jmp puts
.cpuid:
                xor eax, eax
                cpuid
                mov [brand], ebx
                mov [brand + 4], edx
                mov [brand + 8], ecx
                mov byte [brand + 12], 0
                color ATTR_VALUE
                mov esi, brand
                call puts
                color ATTR_TEXT
                mov eax, 1
                cpuid
                push edx
                mov ebx, eax
                mov esi, text_family
                call puts
                mov eax, ebx
                shr eax, 8
                and eax, 15
                call put_dec
                mov esi, text_model
                call puts
                mov eax, ebx
                shr eax, 4
                and eax, 15
                call put_dec
                mov esi, text_stepping
                call puts
                mov eax, ebx
                and eax, 15
                call put_dec
                mov al, 10
                call putc

                mov eax, 0x80000000             ; brand string
                cpuid
                cmp eax, 0x80000004
                jb .no_brand
                cmp eax, 0x8000FFFF
                ja .no_brand
                mov edi, brand
                mov esi, 0x80000002
.brand:
                mov eax, esi
                cpuid
                mov [edi], eax
                mov [edi + 4], ebx
                mov [edi + 8], ecx
                mov [edi + 12], edx
                add edi, 16
                inc esi
                cmp esi, 0x80000004
                jbe .brand
                mov byte [edi], 0
                mov esi, brand
.blank:
                cmp byte [esi], ' '
                jne .print_brand
                inc esi
                jmp .blank
.print_brand:
                color ATTR_BRIGHT
                call puts
                color ATTR_TEXT
                mov al, 10
                call putc
.no_brand:
                mov edx, [esp]
                xor ecx, ecx
.feature:
                mov esi, [feature_names + 4 * ecx]
                test esi, esi
                jz .next
                bt edx, ecx
                jnc .next
                call word_put
.next:
                inc ecx
                cmp ecx, 32
                jb .feature
                mov al, 10
                call putc
                pop edx
                test edx, 1 << 4
                setnz [has_tsc]
                ret

; Writes the word at ESI and a space, on the next row if it would not fit.
word_put:
                pushad
                mov ebx, [window]
                mov edi, esi
                xor ecx, ecx
.length:
                cmp byte [edi + ecx], 1
                inc ecx
                jnc .length
                add cl, [ebx + WINDOW_COLUMN]
                dec ecx
                dec ecx
                cmp cl, [ebx + WINDOW_RIGHT]
                jbe .fits
                mov al, 10
                call putc
.fits:
                call puts
                mov al, ' '
                call putc
                popad
                ret

text_no_cpuid   db 'no CPUID', 10, 0
text_family     db '  family ', 0
text_model      db ' model ', 0
text_stepping   db '.', 0

%macro name 2
feature_%1      db %2, 0
%endmacro
                name 0, 'fpu'
                name 1, 'vme'
                name 2, 'de'
                name 3, 'pse'
                name 4, 'tsc'
                name 5, 'msr'
                name 6, 'pae'
                name 8, 'cx8'
                name 9, 'apic'
                name 11, 'sep'
                name 12, 'mtrr'
                name 13, 'pge'
                name 15, 'cmov'
                name 16, 'pat'
                name 23, 'mmx'
                name 24, 'fxsr'
                name 25, 'sse'
                name 26, 'sse2'
                align 4, db 0
feature_names:
                dd feature_0, feature_1, feature_2, feature_3, feature_4, feature_5, feature_6, 0
                dd feature_8, feature_9, 0, feature_11, feature_12, feature_13, 0, feature_15
                dd feature_16, 0, 0, 0, 0, 0, 0, feature_23
                dd feature_24, feature_25, feature_26, 0, 0, 0, 0, 0

; One line: usable memory and number of ranges.
memory_show:
                movzx ecx, word [e820_count]
                mov esi, E820_MAP
                xor ebx, ebx                    ; usable KiB
                jecxz .sum
.range:
                cmp dword [esi + 16], 1
                jne .next
                mov eax, [esi + 8]              ; length in KiB; ranges above 4 TiB do not occur
                mov edx, [esi + 12]
                shrd eax, edx, 10
                add ebx, eax
.next:
                add esi, 24
                loop .range
.sum:
                color ATTR_VALUE
                mov eax, ebx
                call put_dec
                color ATTR_TEXT
                mov esi, text_memory
                call puts
                movzx eax, word [e820_count]
                call put_dec
                mov esi, text_ranges
                jmp puts

text_memory     db ' KiB usable, ', 0
text_ranges     db ' E820 ranges', 10, 0

; The E820 map in full, on the console.
memory_map_show:
                movzx ecx, word [e820_count]
                mov esi, E820_MAP
                jecxz .done
.range:
                push esi
                push ecx
                mov edi, esi
                mov eax, [edi + 4]
                mov cl, 2
                call put_hex
                mov eax, [edi]
                mov cl, 8
                call put_hex
                mov esi, text_length
                call puts
                mov eax, [edi + 12]
                mov cl, 2
                call put_hex
                mov eax, [edi + 8]
                mov cl, 8
                call put_hex
                mov eax, [edi + 16]
                cmp eax, 5
                jbe .known
                xor eax, eax
.known:
                mov esi, [e820_types + 4 * eax]
                call puts
                mov al, 10
                call putc
                pop ecx
                pop esi
                add esi, 24
                loop .range
.done:
                ret

text_length     db '  length ', 0
e820_other      db '  other', 0
e820_usable     db '  usable', 0
e820_reserved   db '  reserved', 0
e820_acpi       db '  ACPI tables', 0
e820_nvs        db '  ACPI NVS', 0
e820_bad        db '  bad', 0
                align 4, db 0
e820_types      dd e820_other, e820_usable, e820_reserved, e820_acpi, e820_nvs, e820_bad

; Reads the configuration double word at [pci_address] + EAX.
pci_read:
                push edx
                or eax, [pci_address]
                mov dx, 0xCF8
                out dx, eax
                mov dx, 0xCFC
                in eax, dx
                pop edx
                ret

pci_show:
                mov dword [pci_address], 0x80000000
.function:
                xor eax, eax
                call pci_read
                mov [pci_id], eax
                cmp ax, 0xFFFF
                jne .present
                test dword [pci_address], 0x700
                jnz .next                       ; a hole among the functions
                jmp .next_device
.present:
                cmp eax, 0x71138086             ; PIIX4 power management, for poweroff
                jne .print
                mov eax, 0x40                   ; PMBASE
                call pci_read
                and eax, 0xFFC0
                mov [pm_base], eax
                jz .print
                lea edx, [eax + 2]              ; PM1 enable: power button; the interrupt stays masked
                in ax, dx
                or ax, 1 << 8
                out dx, ax
.print:
                call pci_line
                test dword [pci_address], 0x700
                jnz .next
                mov eax, 0x0C                   ; header type bit 7: several functions
                call pci_read
                test eax, 0x800000
                jz .next_device
.next:
                add dword [pci_address], 0x100
                jmp .more
.next_device:
                add dword [pci_address], 0x800
                and dword [pci_address], ~0x700
.more:
                test dword [pci_address], 0xFF0000
                jz .function
                ret

; `00.0 8086:7192 name`
pci_line:
                mov eax, [pci_address]
                shr eax, 11
                and eax, 31
                mov cl, 2
                call put_hex
                mov al, '.'
                call putc
                mov eax, [pci_address]
                shr eax, 8
                and eax, 7
                call put_dec
                mov al, ' '
                call putc
                color ATTR_VALUE
                mov eax, [pci_id]
                mov cl, 4
                call put_hex
                mov al, ':'
                call putc
                mov eax, [pci_id]
                shr eax, 16
                call put_hex
                color ATTR_TEXT
                mov al, ' '
                call putc
                mov eax, [pci_id]
                mov edi, pci_names
.search:
                cmp dword [edi], 0
                je .by_class
                cmp eax, [edi]
                je .named
                add edi, 8
                jmp .search
.by_class:
                mov eax, 8
                call pci_read
                shr eax, 24
                cmp eax, PCI_CLASSES
                jb .class
                mov eax, PCI_CLASSES - 1
.class:
                mov esi, [pci_class_names + 4 * eax]
                jmp .name
.named:
                mov esi, [edi + 4]
.name:
                call puts
                mov al, 10
                jmp putc

name_440bx      db '82443BX host bridge', 0
name_440fx      db '82441FX host bridge', 0
name_piix3      db 'PIIX3 ISA bridge', 0
name_piix3_ide  db 'PIIX3 IDE', 0
name_piix4      db 'PIIX4 ISA bridge', 0
name_piix4_ide  db 'PIIX4 IDE', 0
name_piix4_usb  db 'PIIX4 USB', 0
name_piix4_pm   db 'PIIX4 power mgmt', 0
name_trio64     db 'S3 Trio64', 0
name_dec21140   db 'DEC 21140', 0
name_aic7870    db 'Adaptec AIC-7870', 0
name_dispi      db 'VGA, DISPI', 0
class_0         db 'unclassified', 0
class_1         db 'storage', 0
class_2         db 'network', 0
class_3         db 'display', 0
class_4         db 'multimedia', 0
class_5         db 'memory', 0
class_6         db 'bridge', 0
class_7         db 'communication', 0
class_8         db 'system', 0
class_other     db 'other', 0
                align 4, db 0
pci_names:                                      ; device << 16 | vendor, name
                dd 0x71908086, name_440bx, 0x71928086, name_440bx, 0x12378086, name_440fx
                dd 0x70008086, name_piix3, 0x70108086, name_piix3_ide
                dd 0x71108086, name_piix4, 0x71118086, name_piix4_ide, 0x71128086, name_piix4_usb
                dd 0x71138086, name_piix4_pm, 0x88115333, name_trio64, 0x00091011, name_dec21140
                dd 0x70789004, name_aic7870, 0x11111234, name_dispi
                dd 0
pci_class_names dd class_0, class_1, class_2, class_3, class_4, class_5, class_6, class_7, class_8, class_other
PCI_CLASSES     equ ($ - pci_class_names) / 4
