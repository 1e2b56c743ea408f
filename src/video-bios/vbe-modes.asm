; Modes of the VBE: numbers, depths, timings. Timings follow VESA's monitor timings at 60 frames per second (the
; resolutions with 400 lines: 70); the widest has a shorter line, so that its counts fit the chip in 16 bits per pixel.

T_X             equ 0
T_Y             equ 2
T_H_TOTAL       equ 4                   ; pixels
T_H_SYNC        equ 6
T_H_SYNC_END    equ 8
T_LINES         equ 10                  ; scan lines: twice the height in doubled modes
T_V_TOTAL       equ 12
T_V_SYNC        equ 14
T_V_SYNC_END    equ 16
T_CLOCK         equ 18                  ; SR12, SR13
T_ENGINE        equ 20                  ; CR50
T_SCAN          equ 21                  ; CR09

timing_320:     dw 320, 200, 400, 328, 376, 400, 449, 412, 414
                db 0x5D, 0x6B, 0x00, 0x41
timing_640x400: dw 640, 400, 800, 656, 752, 400, 449, 412, 414
                db 0x3D, 0x6B, 0x40, 0x40
timing_640:     dw 640, 480, 800, 656, 752, 480, 525, 490, 492
                db 0x3D, 0x6B, 0x40, 0x40
timing_800:     dw 800, 600, 1056, 840, 968, 600, 628, 601, 605
                db 0x2F, 0x5D, 0x80, 0x40
timing_1024:    dw 1024, 768, 1344, 1048, 1184, 768, 806, 771, 777
                db 0x0B, 0x39, 0x00, 0x40
timing_1152:    dw 1152, 864, 1520, 1216, 1336, 864, 895, 865, 868
                db 0x08, 0x37, 0x01, 0x40
timing_1280:    dw 1280, 1024, 1688, 1328, 1440, 1024, 1066, 1025, 1028
                db 0x09, 0x51, 0xC0, 0x40
timing_1600:    dw 1600, 1200, 2032, 1664, 1856, 1200, 1250, 1201, 1204
                db 0x09, 0x71, 0x81, 0x40

V_NUMBER        equ 0
V_TIMING        equ 2
V_BITS          equ 4
V_SIZE          equ 5

%macro vmode 3
                dw %1, timing_%2
                db %3
%endmacro
vbe_modes:      vmode 0x100, 640x400, 8
                vmode 0x101, 640, 8
                vmode 0x102, 800, 4
                vmode 0x103, 800, 8
                vmode 0x104, 1024, 4
                vmode 0x105, 1024, 8
                vmode 0x106, 1280, 4
                vmode 0x107, 1280, 8
                vmode 0x10D, 320, 15
                vmode 0x10E, 320, 16
                vmode 0x10F, 320, 24
                vmode 0x110, 640, 15
                vmode 0x111, 640, 16
                vmode 0x112, 640, 24
                vmode 0x113, 800, 15
                vmode 0x114, 800, 16
                vmode 0x115, 800, 24
                vmode 0x116, 1024, 15
                vmode 0x117, 1024, 16
                vmode 0x118, 1024, 24
                vmode 0x119, 1280, 15
                vmode 0x11A, 1280, 16
                vmode 0x11B, 1280, 32
                vmode 0x120, 1600, 8
                vmode 0x121, 1600, 15
                vmode 0x122, 1600, 16
                vmode 0x140, 320, 32
                vmode 0x141, 640x400, 32
                vmode 0x142, 640, 32
                vmode 0x143, 800, 32
                vmode 0x144, 1024, 32
                vmode 0x145, 1280, 32
                vmode 0x146, 320, 8
                ; Numbers of S3's own video BIOSes.
                vmode 0x201, 640, 8
                vmode 0x202, 800, 4
                vmode 0x203, 800, 8
                vmode 0x204, 1024, 4
                vmode 0x205, 1024, 8
                vmode 0x207, 1152, 8
                vmode 0x208, 1280, 4
                vmode 0x209, 1152, 15
                vmode 0x20A, 1152, 16
                vmode 0x20B, 1152, 32
                vmode 0x210, 640, 15
                vmode 0x211, 640, 16
                vmode 0x212, 640, 32
vbe_modes_end:

; What a depth means: bits, bytes of eight pixels, characters of the CRTC for eight pixels, CR67, CR50, memory model,
; then red, green, blue and reserved: size, position.
B_EIGHT         equ 1
B_STRETCH       equ 2
B_CR67          equ 3
B_CR50          equ 4
B_MODEL         equ 5
B_MASKS         equ 6
B_SIZE          equ 14
depths:         db 4, 1, 1, 0x00, 0x00, 3, 0, 0, 0, 0, 0, 0, 0, 0
                db 8, 8, 1, 0x00, 0x00, 4, 0, 0, 0, 0, 0, 0, 0, 0
                db 15, 16, 2, 0x30, 0x10, 6, 5, 10, 5, 5, 5, 0, 1, 15
                db 16, 16, 2, 0x50, 0x10, 6, 5, 11, 6, 5, 5, 0, 0, 0
                db 24, 24, 3, 0x70, 0x00, 6, 8, 16, 8, 8, 8, 0, 0, 0
                db 32, 32, 1, 0xD0, 0x30, 6, 8, 16, 8, 8, 8, 0, 8, 24

; AX number; gives SI -> mode, BX -> timing, DI -> depth; carry if there is none, or memory is too small for it
vbe_find:       mov si, vbe_modes
.next:          cmp ax, [cs:si]
                je .found
                add si, V_SIZE
                cmp si, vbe_modes_end
                jb .next
                stc
                ret
.found:         mov bx, [cs:si + V_TIMING]
                mov di, depths
.depth:         push ax
                mov al, [cs:si + V_BITS]
                cmp al, [cs:di]
                pop ax
                je .check
                add di, B_SIZE
                jmp .depth
.check:         push eax
                push ecx
                push edx
                call vbe_pitch
                movzx eax, ax
                cmp byte [cs:di], 4     ; four planes
                jne .packed
                shl eax, 2
.packed:        movzx ecx, word [cs:bx + T_Y]
                mul ecx
                mov ecx, eax
                call memory_blocks
                shl eax, 16
                cmp eax, ecx            ; carry if it does not fit
                pop edx
                pop ecx
                pop eax
                ret

; BX -> timing, DI -> depth; gives AX = bytes of a line (of one plane)
vbe_pitch:      push dx
                movzx ax, byte [cs:di + B_EIGHT]
                mul word [cs:bx + T_X]
                shrd ax, dx, 3
                pop dx
                ret

; Video memory in 64 KiB: EAX
memory_blocks:  push bx
                call unlock
                mov al, 0x36
                call crtc_read
                shr al, 5
                movzx bx, al
                movzx eax, byte [cs:.sizes + bx]
                pop bx
                ret
.sizes:         db 64, 64, 48, 128, 32, 96, 16, 8

; Number of the present VBE mode with bit 14: AX; zero if there is none.
vbe_current:    mov al, 0x52
                call crtc_read
                mov ah, al
                mov al, 0x41
                jmp crtc_read
