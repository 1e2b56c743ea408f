; INT 10h: saves the registers as a frame at BP, points DS to the data area, and calls the function.

int10:          cld
                sti
                pushad
                push ds
                push es
                mov bp, sp
                push BDA
                pop ds
                movzx si, ah
                cmp ah, 0x4F
                je .vbe
                cmp ah, 0x1C
                ja .done
                shl si, 1
                call [cs:functions + si]
.done:          pop es
                pop ds
                popad
                iret
.vbe:           call vbe
                jmp .done

functions:      dw set_mode, set_cursor_shape, set_cursor, get_cursor
                dw no_light_pen, set_page, scroll_up, scroll_down
                dw read_character, write_character, write_plain, cga_palette
                dw write_pixel, read_pixel, teletype, get_mode
                dw palette, generator, alternate, write_string
                dw nothing, nothing, nothing, nothing, nothing, nothing
                dw display_code, functionality, save_restore

nothing:        ret

no_light_pen:   mov byte [bp + R_AH], 0
                ret

get_mode:       mov al, [VIDEO_MODE]
                mov ah, [VIDEO_CONTROL]
                and ah, 0x80
                or al, ah
                mov ah, [COLUMNS]
                mov [bp + R_AX], ax
                mov al, [ACTIVE_PAGE]
                mov [bp + R_BH], al
                ret
