; The demonstration guest: a boot sector and a small 32-bit protected-mode system that shows the machine at work.
; One flat program: the firmware loads the first sector to 7C00h, the boot sector loads the rest right behind it.
; Assemble with `nasm -f bin -o demo.img demo.asm`.
;
; Memory: 00500-007FF E820 map; 07C00-0FBFF this program, with the real-mode stack below it; from 20000 on variables and
; buffers; below 80000 the protected-mode stack.

E820_MAP        equ 0x0500              ; entries of 24 bytes
E820_MAX        equ 32
VARIABLES       equ 0x20000
STACK_TOP       equ 0x80000
TEXT            equ 0xB8000
COLUMNS         equ 80

TICKS_PER_SECOND equ 20
PIT_HZ          equ 1193182

; Attributes: background in the high nibble.
ATTR_TEXT       equ 0x07
ATTR_BRIGHT     equ 0x0F
ATTR_FRAME      equ 0x03
ATTR_TITLE      equ 0x0B
ATTR_BAR        equ 0x1F
ATTR_PROMPT     equ 0x0A
ATTR_ERROR      equ 0x0C
ATTR_VALUE      equ 0x0E

                org 0x7C00

                %include "boot.asm"
                %include "realmode.asm"
                %include "interrupts.asm"
                %include "console.asm"
                %include "serial.asm"
                %include "keyboard.asm"
                %include "inventory.asm"
                %include "disk.asm"
                %include "clock.asm"
                %include "shell.asm"
                %include "graphics.asm"

                align 512, db 0
loaded_end:
LOADED_SECTORS  equ (loaded_end - boot_start) / 512 - 1

                ; The rest of the image counts up, so that a disk read shows more than zeros. 32 KiB is also as far as the
                ; boot sector can load below the 64 KiB that real mode reaches with segment 0.
                times 32 * 1024 - ($ - $$) db ($ - $$) & 0xFF

                absolute VARIABLES
                %include "variables.asm"
