; Names of what lies in the BIOS data area (segment 40h) and in the stack frame of INT 10h.

BDA             equ 0x40
EQUIPMENT       equ 0x10
VIDEO_MODE      equ 0x49
COLUMNS         equ 0x4A                ; word
PAGE_SIZE       equ 0x4C                ; word
PAGE_START      equ 0x4E                ; word
CURSORS         equ 0x50                ; eight words: column, row
CURSOR_SHAPE    equ 0x60                ; word: end line, start line
ACTIVE_PAGE     equ 0x62
CRTC_PORT       equ 0x63                ; word
CGA_MODE        equ 0x65
CGA_PALETTE     equ 0x66
ROWS            equ 0x84                ; less one
CHAR_HEIGHT     equ 0x85                ; word
VIDEO_CONTROL   equ 0x87                ; bit 7 keep memory, 0 no cursor emulation
SWITCHES        equ 0x88
MODE_CONTROL    equ 0x89                ; bits 7, 4 scan lines, 3 keep palette, 1 grey sums
DISPLAY_CODE    equ 0x8A
SAVE_POINTER    equ 0xA8                ; dword

; The frame that `int10` builds; BP points to it.
R_ES            equ 0
R_DS            equ 2
R_DI            equ 4
R_SI            equ 8
R_BP            equ 12
R_BX            equ 20
R_BL            equ 20
R_BH            equ 21
R_DX            equ 24
R_DL            equ 24
R_DH            equ 25
R_CX            equ 28
R_CL            equ 28
R_CH            equ 29
R_AX            equ 32
R_AL            equ 32
R_AH            equ 33

; Kinds of modes.
TEXT            equ 0
CGA             equ 1
PLANAR          equ 2
LINEAR          equ 3
PACKED          equ 4                   ; VBE: characters are not drawn
