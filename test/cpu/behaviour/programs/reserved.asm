; Control register bits that are reserved or must not be combined.
%include "kernel.inc"

%macro DOES 2-3+
        TRY %%back
        mov eax, %2
%%at:   %3
%%back: REPORT %1, %%at
%endmacro

main:
        mov ebx, cr0
        DOES 'CR0: reserved bits are ignored', 0x1ffaffd1 | 0x11, mov cr0, eax
        mov eax, cr0
        mov cr0, ebx
        SHOW 'CR0', eax, ebx
        DOES 'CR4: reserved bit', 0x80000000, mov cr4, eax
        DOES 'CR0: PG without PE', 0x80000010, mov cr0, eax
        DOES 'CR0: NW without CD', 0x20000011, mov cr0, eax
        ret
END
