; Video BIOS for the S3 Trio64 of this package: INT 10h of a VGA, and VBE 2.0.
; Sources: IBM PS/2 and PC BIOS Interface Technical Reference, "Interrupt 10h"; VESA VBE Core Functions Standard 2.0;
; VESA VBE/PM Standard 1.0; S3 Trio32/Trio64 data book DB014-B; PCI Local Bus Specification 2.1, section 6.3.
; Assemble with `npm run video-bios:assemble`. The fonts are not here: whoever loads the image copies three character
; sets of 256 into it (`fonts.asm`) and sets the checksum.

                bits 16
                cpu 386
                org 0

ROM_BLOCKS      equ 56                  ; of 512 bytes

rom_start:
                db 0x55, 0xAA, ROM_BLOCKS
                jmp post
                times 0x18 - ($ - rom_start) db 0
                dw pci_data
                times 0x1E - ($ - rom_start) db 0
                db 'IBM VGA compatible', 0

                align 4, db 0
pci_data:       db 'PCIR'
                dw 0x5333, 0x8811
                dw 0                    ; no vital product data
                dw 0x18
                db 0
                db 0x00, 0x00, 0x03     ; display controller, VGA
                dw ROM_BLOCKS
                dw 0x0100
                db 0                    ; code for PCs
                db 0x80                 ; last image
                dw 0

%include "data.asm"
%include "post.asm"
%include "dispatch.asm"
%include "registers.asm"
%include "modes.asm"
%include "set-mode.asm"
%include "default-palettes.asm"
%include "cursor.asm"
%include "scroll.asm"
%include "characters.asm"
%include "pixels.asm"
%include "palette.asm"
%include "generator.asm"
%include "state.asm"
%include "vbe.asm"
%include "vbe-modes.asm"
%include "vbe-set.asm"
%include "vbe-window.asm"
%include "vbe-protected.asm"
%include "fonts.asm"

                times ROM_BLOCKS * 512 - ($ - rom_start) db 0
