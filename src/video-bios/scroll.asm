; Windows that scroll (AH=06h, 07h), and the geometry of video memory that all drawing shares: memory is taken as lines of
; bytes, where a line is a row of cells in text modes and a scan line in the others.

; Locals below a routine's BP that `geometry` fills in.
G_KIND          equ -2
G_HEIGHT        equ -4                  ; lines of a cell
G_CELL          equ -6                  ; bytes of a cell in a line
G_STRIDE        equ -8
G_BASE          equ -10                 ; of the page
G_SIZE          equ 10

; BL page. Fills the locals in and sets ES.
geometry:       push ax
                push bx
                push dx
                call mode_kind
                xor ah, ah
                mov [bp + G_KIND], ax
                movzx ax, bl
                mul word [PAGE_SIZE]
                mov [bp + G_BASE], ax
                mov ax, [CHAR_HEIGHT]
                mov [bp + G_HEIGHT], ax
                mov bx, [COLUMNS]
                mov ax, 0xA000
                mov dl, [bp + G_KIND]
                mov dh, 1
                cmp dl, PLANAR
                je .set
                mov dh, 8
                cmp dl, LINEAR
                je .set
                cmp dl, PACKED
                je .set
                mov ax, 0xB800
                mov dh, 1
                cmp dl, CGA
                je .cga
                mov dh, 2
                mov word [bp + G_HEIGHT], 1
                cmp byte [VIDEO_MODE], 7
                jne .set
                mov ax, 0xB000
                jmp .set
.cga:           cmp byte [VIDEO_MODE], 6
                je .set
                mov dh, 2
.set:           mov es, ax
                movzx ax, dh
                mov [bp + G_CELL], ax
                mul bx
                mov [bp + G_STRIDE], ax
                pop dx
                pop bx
                pop ax
                ret

; AX line, CX cell column; gives DI = offset
line_offset:    push ax
                push dx
                push ax
                mov ax, [bp + G_CELL]
                mul cx
                mov di, ax
                pop ax
                cmp byte [bp + G_KIND], CGA
                jne .plain
                shr ax, 1               ; odd lines in the second half
                jnc .even
                add di, 0x2000
.even:          mov dx, 80
                mul dx
                jmp .add
.plain:         mul word [bp + G_STRIDE]
                add ax, [bp + G_BASE]
.add:           add di, ax
                pop dx
                pop ax
                ret

S_LINE          equ -12
S_LEFT          equ -14                 ; lines to go
S_DISTANCE      equ -16
S_STEP          equ -18
S_COLUMN        equ -20
S_BYTES         equ -22
S_ATTRIBUTE     equ -24
S_SIZE          equ 24

scroll_down:    mov di, -1
                jmp scroll
scroll_up:      mov di, 1
scroll:         mov al, [bp + R_AL]
                mov bh, [bp + R_BH]
                mov cx, [bp + R_CX]
                mov dx, [bp + R_DX]
                mov bl, [ACTIVE_PAGE]
; Scrolls by AL rows (0: all) in page BL; CX upper left, DX lower right, BH attribute; DI 1 up, -1 down.
scroll_window:  pushad
                push es
                mov bp, sp
                sub sp, S_SIZE
                call geometry
                cmp byte [bp + G_KIND], PACKED
                je .done
                cmp dh, [ROWS]
                jbe .rows_fit
                mov dh, [ROWS]
.rows_fit:      cmp dl, [COLUMNS]
                jb .columns_fit
                mov dl, [COLUMNS]
                dec dl
.columns_fit:   sub dh, ch              ; rows less one
                jb .done
                sub dl, cl
                jb .done
                mov [bp + S_STEP], di
                movzx si, cl
                mov [bp + S_COLUMN], si
                mov [bp + S_ATTRIBUTE], bh
                mov bl, al
                movzx ax, dl
                inc ax
                push dx
                mul word [bp + G_CELL]
                pop dx
                mov [bp + S_BYTES], ax
                inc dh
                cmp bl, dh
                ja .all
                test bl, bl
                jnz .some
.all:           mov bl, dh
.some:          movzx ax, bl
                mul byte [bp + G_HEIGHT]
                mov [bp + S_DISTANCE], ax
                movzx ax, dh
                mul byte [bp + G_HEIGHT]
                mov [bp + S_LEFT], ax
                mov bx, ax
                movzx ax, ch
                mul byte [bp + G_HEIGHT]
                cmp di, 0
                jg .start
                add ax, bx              ; from the last line
                dec ax
.start:         mov [bp + S_LINE], ax
.line:          mov ax, [bp + S_LINE]
                mov cx, [bp + S_COLUMN]
                call line_offset
                mov bx, [bp + S_LEFT]
                cmp bx, [bp + S_DISTANCE]
                jbe .blank
                push di
                mov bx, [bp + S_DISTANCE]
                test word [bp + S_STEP], 0x8000
                jz .below
                neg bx
.below:         add ax, bx
                call line_offset
                mov si, di
                pop di
                call copy_line
                jmp .next
.blank:         call blank_line
.next:          mov ax, [bp + S_STEP]
                add [bp + S_LINE], ax
                dec word [bp + S_LEFT]
                jnz .line
.done:          mov sp, bp
                pop es
                popad
                ret

; SI to DI, S_BYTES
copy_line:      mov cx, [bp + S_BYTES]
                cmp byte [bp + G_KIND], PLANAR
                je .planar
                rep es movsb
                ret
.planar:        mov ax, 0x0F02
                call seq_write
                mov ax, 0x0105          ; through the latches
                call gfx_write
                rep es movsb
                mov ax, 0x0005
                jmp gfx_write

; Fills S_BYTES at DI.
blank_line:     mov cx, [bp + S_BYTES]
                mov al, [bp + S_ATTRIBUTE]
                cmp byte [bp + G_KIND], PLANAR
                je .planar
                cmp byte [bp + G_KIND], TEXT
                je .text
                rep stosb
                ret
.text:          mov ah, al
                mov al, ' '
                shr cx, 1
                rep stosw
                ret
.planar:        mov ah, al
                mov al, 0
                call gfx_write
                mov ax, 0x0F01          ; planes from set/reset
                call gfx_write
                mov ax, 0x0F02
                call seq_write
                rep stosb
                mov ax, 0x0001
                jmp gfx_write
