; Text output: windows on the colour text screen, each line mirrored to COM1.
                bits 32

; A window. Text outside is clipped (panels) or scrolls (console).
WINDOW_LEFT     equ 0
WINDOW_TOP      equ 1
WINDOW_RIGHT    equ 2
WINDOW_BOTTOM   equ 3
WINDOW_ROW      equ 4
WINDOW_COLUMN   equ 5
WINDOW_ATTR     equ 6
WINDOW_SCROLLS  equ 7

%macro window_at 5                              ; left, top, right, bottom, scrolls
                db %1, %2, %3, %4, %2, %1, ATTR_TEXT, %5
%endmacro

console         : window_at 0, 13, 79, 23, 1
panel_cpu       : window_at 2, 2, 37, 5, 0
panel_system    : window_at 2, 8, 37, 11, 0
panel_pci       : window_at 42, 2, 77, 11, 0
bar_title       : window_at 0, 0, 79, 0, 0
bar_status      : window_at 0, 24, 79, 24, 0

; Address of the cell at the window's position, in EDI.
window_cell:
                mov ebx, [window]
                movzx edi, byte [ebx + WINDOW_ROW]
                imul edi, COLUMNS
                movzx edx, byte [ebx + WINDOW_COLUMN]
                lea edi, [TEXT + 2 * edi]
                lea edi, [edi + 2 * edx]
                ret

; Writes the character AL (10 = new line) to the window and to COM1. Keeps all registers.
putc:
                pushad
                cmp byte [quiet], 0
                jne .screen
                call serial_mirror
.screen:
                mov ebx, [window]
                cmp al, 10
                je .newline
                mov cl, [ebx + WINDOW_COLUMN]
                cmp cl, [ebx + WINDOW_RIGHT]
                jbe .fits
                call .advance
.fits:
                mov cl, [ebx + WINDOW_ROW]
                cmp cl, [ebx + WINDOW_BOTTOM]
                ja .done                        ; clipped
                call window_cell
                mov ah, [ebx + WINDOW_ATTR]
                mov [edi], ax
                inc byte [ebx + WINDOW_COLUMN]
                jmp .done
.newline:
                call .advance
.done:
                popad
                ret
.advance:                                       ; to the start of the next row
                mov cl, [ebx + WINDOW_LEFT]
                mov [ebx + WINDOW_COLUMN], cl
                inc byte [ebx + WINDOW_ROW]
                mov cl, [ebx + WINDOW_ROW]
                cmp cl, [ebx + WINDOW_BOTTOM]
                jbe .advanced
                cmp byte [ebx + WINDOW_SCROLLS], 0
                je .advanced
                push eax
                call window_scroll
                pop eax
.advanced:
                ret

; Scrolls the full-width window EBX up by one row.
window_scroll:
                movzx eax, byte [ebx + WINDOW_TOP]
                movzx ecx, byte [ebx + WINDOW_BOTTOM]
                mov [ebx + WINDOW_ROW], cl
                sub ecx, eax
                imul ecx, COLUMNS / 2           ; double words to move
                imul eax, COLUMNS * 2
                lea edi, [TEXT + eax]
                lea esi, [edi + COLUMNS * 2]
                rep movsd
                mov ah, ATTR_TEXT
                mov al, ' '
                mov ecx, COLUMNS
                rep stosw
                ret

; Empties the window and goes to its first cell.
window_clear:
                pushad
                mov ebx, [window]
                mov cl, [ebx + WINDOW_LEFT]
                mov [ebx + WINDOW_COLUMN], cl
                mov cl, [ebx + WINDOW_TOP]
                mov [ebx + WINDOW_ROW], cl
.row:
                call window_cell
                movzx ecx, byte [ebx + WINDOW_RIGHT]
                sub cl, [ebx + WINDOW_LEFT]
                inc ecx
                mov ah, [ebx + WINDOW_ATTR]
                mov al, ' '
                rep stosw
                inc byte [ebx + WINDOW_ROW]
                mov cl, [ebx + WINDOW_ROW]
                cmp cl, [ebx + WINDOW_BOTTOM]
                jbe .row
                mov cl, [ebx + WINDOW_TOP]
                mov [ebx + WINDOW_ROW], cl
                popad
                ret

; Writes the string at ESI (ends with 0).
puts:
                push eax
                push esi
.next:
                lodsb
                test al, al
                jz .done
                call putc
                jmp .next
.done:
                pop esi
                pop eax
                ret

; Writes EAX in decimal.
put_dec:
                pushad
                mov ebx, 10
                xor ecx, ecx
.divide:
                xor edx, edx
                div ebx
                push edx
                inc ecx
                test eax, eax
                jnz .divide
.digit:
                pop eax
                add al, '0'
                call putc
                loop .digit
                popad
                ret

; Writes EAX in decimal with at least two digits.
put_dec2:
                cmp eax, 10
                jae put_dec
                push eax
                mov al, '0'
                call putc
                pop eax
                jmp put_dec

; Writes the low CL hexadecimal digits of EAX.
put_hex:
                pushad
                movzx ecx, cl
                mov edx, eax
                mov ebx, ecx
                neg ebx
                lea ebx, [4 * ebx + 32]         ; bring the first digit to the top
                xchg ebx, ecx
                shl edx, cl
                mov ecx, ebx
.digit:
                rol edx, 4
                mov eax, edx
                and eax, 15
                mov al, [hex_digits + eax]
                call putc
                loop .digit
                popad
                ret
hex_digits      db '0123456789ABCDEF'

; Draws a frame: EAX = left | top << 8 | right << 16 | bottom << 24, title at ESI. Not mirrored to COM1.
frame:
                pushad
                mov [frame_box], eax
                movzx ebx, byte [frame_box + 1]
                mov dl, 0xC9                    ; double line: top
                mov dh, 0xBB
                call .edge
.side:
                inc ebx
                cmp bl, [frame_box + 3]
                jae .bottom
                call .address
                mov ax, ATTR_FRAME << 8 | 0xBA
                mov [edi], ax
                call .right
                mov [edi], ax
                jmp .side
.bottom:
                mov dl, 0xC8
                mov dh, 0xBC
                call .edge
                movzx ebx, byte [frame_box + 1]
                call .address
                add edi, 4
                mov ah, ATTR_TITLE
                mov al, ' '
                stosw
.title:
                lodsb
                test al, al
                jz .titled
                stosw
                jmp .title
.titled:
                mov al, ' '
                stosw
                popad
                ret
.edge:                                          ; row EBX with corners DL and DH
                call .address
                mov ah, ATTR_FRAME
                mov al, dl
                stosw
                movzx ecx, byte [frame_box + 2]
                sub cl, [frame_box]
                dec ecx
                mov al, 0xCD
                rep stosw
                mov al, dh
                stosw
                ret
.address:
                movzx ecx, byte [frame_box]
                jmp .cell
.right:
                movzx ecx, byte [frame_box + 2]
.cell:
                imul edi, ebx, COLUMNS * 2
                lea edi, [edi + 2 * ecx + TEXT]
                ret

; Puts the hardware cursor where the console writes next, plus EAX columns.
cursor_set:
                pushad
                add eax, [console_line_start]
                mov ebx, eax
                mov dx, 0x3D4
                mov al, 0x0E
                mov ah, bh
                out dx, ax
                mov al, 0x0F
                mov ah, bl
                out dx, ax
                popad
                ret
