; Mode 13h: a pattern with a turning palette until a key is pressed; the mode is set by the video BIOS in real mode.
                bits 32
FRAMEBUFFER     equ 0xA0000

mode13_command:
                mov esi, TEXT
                mov edi, text_copy
                mov ecx, COLUMNS * 25 / 2
                rep movsd
                mov eax, 0x0013
                call bios_video
                mov edi, FRAMEBUFFER
                xor edx, edx                    ; row
.row:
                xor ecx, ecx                    ; column
.pixel:
                mov eax, ecx                    ; distance from the centre, squared
                sub eax, 160
                imul eax, eax
                mov ebx, edx
                sub ebx, 100
                imul ebx, ebx
                add eax, ebx
                shr eax, 6
                mov ebx, ecx
                xor ebx, edx
                shr ebx, 2
                add eax, ebx
                stosb
                inc ecx
                cmp ecx, 320
                jb .pixel
                inc edx
                cmp edx, 200
                jb .row
.frame:
                call palette_set
                inc dword [palette_phase]
                cli
                call key_take
                jnz .leave
                sti
                hlt
                jmp .frame
.leave:
                sti
                mov eax, 0x0003
                call bios_video
                mov esi, text_copy
                mov edi, TEXT
                mov ecx, COLUMNS * 25 / 2
                rep movsd
                ret

; 256 colours: three triangle waves, shifted against each other and by the phase.
palette_set:
                mov dx, 0x3C8
                xor al, al
                out dx, al
                inc edx
                xor ecx, ecx
.entry:
                mov ebx, ecx
                add ebx, [palette_phase]
                call .component
                add ebx, 85
                call .component
                add ebx, 85
                call .component
                inc ecx
                cmp ecx, 256
                jb .entry
                ret
.component:                                     ; 0..63..0 over 256 steps
                mov al, bl
                test al, al
                jns .rising
                not al
.rising:
                shr al, 1
                out dx, al
                ret
