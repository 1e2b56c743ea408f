; AH=4Fh: VBE 2.0, the functions that report.

OK              equ 0x004F
FAILED          equ 0x014F
WRONG_MODE      equ 0x034F              ; not in this mode

vbe:            movzx bx, byte [bp + R_AL]
                mov word [bp + R_AX], OK
                cmp bl, 0x10
                je vbe_power
                cmp bl, 0x0A
                ja vbe_failed
                shl bx, 1
                jmp [cs:vbe_functions + bx]
vbe_functions:  dw vbe_information, vbe_mode_information, vbe_set_mode, vbe_get_mode
                dw vbe_state, vbe_window, vbe_line_length, vbe_display_start
                dw vbe_dac_width, vbe_palette, vbe_protected

vbe_failed:     mov word [bp + R_AX], FAILED
                ret

INFO_OEM        equ 6
INFO_MODES      equ 34                  ; the list is built in the reserved part

vbe_information:
                mov es, [bp + R_ES]
                mov di, [bp + R_DI]
                push dword [es:di]
                mov dx, di
                mov cx, 128
                xor ax, ax
                rep stosw
                mov di, dx
                mov dword [es:di], 'VESA'
                mov word [es:di + 4], 0x0200
                mov word [es:di + INFO_OEM], vendor_name
                mov [es:di + INFO_OEM + 2], cs
                ; Capabilities: the DAC has six bits, the adapter is a VGA, palettes need no care.
                lea ax, [di + INFO_MODES]
                mov [es:di + 14], ax
                mov [es:di + 16], es
                call memory_blocks
                mov [es:di + 18], ax
                pop eax
                cmp eax, 'VBE2'
                jne .list
                mov word [es:di + 20], 0x0100
                mov word [es:di + 22], vendor_name
                mov [es:di + 24], cs
                mov word [es:di + 26], product_name
                mov [es:di + 28], cs
                mov word [es:di + 30], revision_name
                mov [es:di + 32], cs
.list:          add di, INFO_MODES
                mov si, vbe_modes
.next:          mov ax, [cs:si]
                push si
                push di
                call vbe_find
                pop di
                pop si
                jc .skip
                stosw
.skip:          add si, V_SIZE
                cmp si, vbe_modes_end
                jb .next
                mov ax, 0xFFFF
                stosw
                ret

vendor_name:    db 'S3 Incorporated. Trio64', 0
product_name:   db '86C764', 0
revision_name:  db 'Rev 0', 0

vbe_mode_information:
                mov ax, [bp + R_CX]
                and ax, 0x3FFF
                call vbe_find
                jc vbe_failed
                mov si, di              ; depth
                mov es, [bp + R_ES]
                mov di, [bp + R_DI]
                push di
                mov cx, 128
                xor ax, ax
                rep stosw
                pop di
                mov ax, 0x009B          ; supported, optional part, colour, graphics, linear
                cmp byte [cs:si], 4
                jne .attributes
                mov ax, 0x001F          ; with text by the BIOS, not linear
.attributes:    mov [es:di], ax
                mov byte [es:di + 2], 7
                mov word [es:di + 4], 64
                mov word [es:di + 6], 64
                mov word [es:di + 8], 0xA000
                mov word [es:di + 12], vbe_window_far
                mov [es:di + 14], cs
                push di
                mov di, si
                call vbe_pitch
                pop di
                mov [es:di + 16], ax
                mov [es:di + 0x32], ax
                mov ax, [cs:bx + T_X]
                mov [es:di + 18], ax
                mov ax, [cs:bx + T_Y]
                mov [es:di + 20], ax
                mov word [es:di + 22], 0x1008
                mov al, 1
                cmp byte [cs:si], 4
                jne .planes
                mov al, 4
.planes:        mov [es:di + 24], al
                mov al, [cs:si]
                mov [es:di + 25], al
                mov byte [es:di + 26], 1
                mov al, [cs:si + B_MODEL]
                mov [es:di + 27], al
                ; Pictures that memory holds, less one.
                push di
                mov di, si
                call vbe_pitch
                movzx eax, ax
                movzx ecx, word [cs:bx + T_Y]
                mul ecx
                cmp byte [cs:si], 4
                jne .bytes
                shl eax, 2
.bytes:         mov ecx, eax
                call memory_blocks
                shl eax, 16
                xor edx, edx
                div ecx
                pop di
                dec al
                mov [es:di + 29], al
                mov [es:di + 0x34], al
                mov [es:di + 0x35], al
                mov byte [es:di + 30], 1
                push di
                push si
                add di, 31
                add si, B_MASKS
                mov cx, 8
.masks:         mov al, [cs:si]
                inc si
                stosb
                loop .masks
                pop si
                pop di
                push di
                push si
                add di, 0x36            ; the same for linear modes
                add si, B_MASKS
                mov cx, 8
.linear_masks:  mov al, [cs:si]
                inc si
                stosb
                loop .linear_masks
                pop si
                pop di
                cmp byte [cs:si], 4
                je .done
                call linear_base
                mov [es:di + 40], eax
.done:          ret

; Physical address of the frame buffer: EAX
linear_base:    call unlock
                mov al, 0x59
                call crtc_read
                mov ah, al
                mov al, 0x5A
                call crtc_read
                shl eax, 16
                ret

vbe_get_mode:   call vbe_current
                test ax, ax
                jnz .mode
                movzx ax, byte [VIDEO_MODE]
.mode:          mov [bp + R_BX], ax
                ret

vbe_state:      mov cx, [bp + R_CX]
                and cx, 15
                mov al, [bp + R_DL]
                cmp al, 1
                ja .restore
                je save_state
                call state_size
                add ax, 63
                shr ax, 6
                mov [bp + R_BX], ax
                ret
.restore:       cmp al, 2
                ja vbe_failed
                jmp restore_state

vbe_dac_width:  cmp byte [bp + R_BL], 1
                ja vbe_failed
                mov byte [bp + R_BH], 6
                ret

; Palettes: entries of blue, green, red and a byte that does not count.
vbe_palette:    mov es, [bp + R_ES]
                mov di, [bp + R_DI]
                mov cx, [bp + R_CX]
                jcxz .done
                mov al, [bp + R_BL]
                mov bl, [bp + R_DL]
                cmp al, 1
                je .get
                and al, 0x7F
                jnz vbe_failed
                mov dx, 0x3C8
                mov al, bl
                out dx, al
                inc dx
.set:           mov al, [es:di + 2]
                out dx, al
                mov al, [es:di + 1]
                out dx, al
                mov al, [es:di]
                out dx, al
                add di, 4
                loop .set
.done:          ret
.get:           mov dx, 0x3C7
                mov al, bl
                out dx, al
                mov dl, 0xC9
.next:          in al, dx
                mov [es:di + 2], al
                in al, dx
                mov [es:di + 1], al
                in al, dx
                mov [es:di], al
                mov byte [es:di + 3], 0
                add di, 4
                loop .next
                ret

; VBE/PM: power states of the display, by SR0D.
vbe_power:      call unlock
                mov bl, [bp + R_BL]
                cmp bl, 1
                ja .get
                je .set
                mov word [bp + R_BX], 0x0710 ; version 1.0; standby, suspend, off
                ret
.set:           mov bh, [bp + R_BH]
                mov ah, 0x00
                test bh, bh
                jz .write
                mov ah, 0x10
                cmp bh, 1
                je .write
                mov ah, 0x40
                cmp bh, 2
                je .write
                mov ah, 0x50
                cmp bh, 4
                jne vbe_failed
.write:         mov al, 0x0D
                jmp seq_write
.get:           cmp bl, 2
                ja vbe_failed
                mov dx, 0x3C4
                mov al, 0x0D
                out dx, al
                inc dx
                in al, dx
                mov bh, 0
                and al, 0x50
                jz .state
                mov bh, 1
                cmp al, 0x10
                je .state
                mov bh, 2
                cmp al, 0x40
                je .state
                mov bh, 4
.state:         mov [bp + R_BH], bh
                ret
