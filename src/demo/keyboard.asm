; Keyboard: scan codes of set 1 (the 8042 translates) to characters and editing keys, in a ring.
                bits 32
KEY_LEFT        equ 0x80
KEY_RIGHT       equ 0x81
KEY_HOME        equ 0x82
KEY_END         equ 0x83
KEY_DELETE      equ 0x84
KEY_UP          equ 0x85
KEY_DOWN        equ 0x86
KEYS            equ 64                          ; capacity of the ring

keyboard_interrupt:
                in al, 0x60
                inc dword [scan_codes]
                cmp al, 0xE0
                je .prefix
                movzx ebx, byte [extended]
                mov byte [extended], 0
                mov ah, al
                and ah, 0x7F
                test ebx, ebx
                jnz .not_modifier               ; E0 2A and E0 36 are not real shift keys
                cmp ah, 0x2A
                je .shift
                cmp ah, 0x36
                je .shift
.not_modifier:
                test al, al
                js .done                        ; released
                cmp al, 0x3A
                je .caps
                cmp al, 0x58
                ja .done
                movzx edx, al
                cmp al, 0x47
                jb .character
                mov al, [editing_keys + edx - 0x47]
                jmp .push
.character:
                mov al, [plain_keys + edx]
                mov ah, [shifted_keys + edx]
                mov bl, al
                sub bl, 'a'
                cmp bl, 26
                mov bl, [shift]
                jae .not_letter
                xor bl, [caps]
.not_letter:
                test bl, bl
                jz .push
                mov al, ah
.push:
                test al, al
                jz .done
                call key_push
.done:
                ret
.prefix:
                mov byte [extended], 1
                ret
.shift:
                test al, al
                setns [shift]
                ret
.caps:
                xor byte [caps], 1
                ret

; Appends AL to the ring; drops it when full.
key_push:
                push ebx
                push ecx
                mov ebx, [key_head]
                lea ecx, [ebx + 1]
                and ecx, KEYS - 1
                cmp ecx, [key_tail]
                je .full
                mov [key_ring + ebx], al
                mov [key_head], ecx
.full:
                pop ecx
                pop ebx
                ret

; Takes a key into AL; zero flag set when there is none.
key_take:
                push ebx
                mov ebx, [key_tail]
                cmp ebx, [key_head]
                je .none
                mov al, [key_ring + ebx]
                inc ebx
                and ebx, KEYS - 1
                mov [key_tail], ebx
                test al, al                     ; keys are never 0
.none:
                pop ebx
                ret

; Waits for a key, halted, with the clock going on; returns it in AL.
key_wait:
                call power_button_check
                call clock_update
                cli
                call key_take
                jnz .taken
                sti                             ; no interrupt is taken between STI and HLT
                hlt
                jmp key_wait
.taken:
                sti
                ret

plain_keys:
                db 0, 27, '1234567890-=', 8, 9
                db 'qwertyuiop[]', 13, 0
                db 'asdfghjkl;', "'", '`', 0, '\'
                db 'zxcvbnm,./', 0, '*', 0, ' ', 0
                times 0x47 - ($ - plain_keys) db 0
shifted_keys:
                db 0, 27, '!@#$%^&*()_+', 8, 9
                db 'QWERTYUIOP{}', 13, 0
                db 'ASDFGHJKL:', '"', '~', 0, '|'
                db 'ZXCVBNM<>?', 0, '*', 0, ' ', 0
                times 0x47 - ($ - shifted_keys) db 0
editing_keys:                                   ; 47h to 58h
                db KEY_HOME, KEY_UP, 0, '-', KEY_LEFT, 0, KEY_RIGHT, '+', KEY_END, KEY_DOWN, 0, 0, KEY_DELETE, 0, 0, 0, 0, 0
