; Variables and buffers, zero at start; nothing here is in the image.
idt:            resq 48
window:         resd 1                          ; where putc writes
quiet:          resb 1                          ; not 0: no mirror to COM1
serial_present: resb 1
escape_state:   resb 1                          ; 1: ESC received, 2: ESC [ received
shift:          resb 1
caps:           resb 1
extended:       resb 1                          ; E0 received
disk_interrupt: resb 1                          ; set by IRQ 14 and 15
has_tsc:        resb 1
frame_box:      resb 4                          ; left, top, right, bottom
ticks:          resd 1
second_shown:   resd 1                          ; uptime drawn last, plus 1
scan_codes:     resd 1
disk_interrupts: resd 1
key_head:       resd 1
key_tail:       resd 1
key_ring:       resb KEYS
rtc_second:     resd 1                          ; binary values of the last rtc_read
rtc_minute:     resd 1
rtc_hour:       resd 1
rtc_day:        resd 1
rtc_month:      resd 1
rtc_year:       resd 1
pci_address:    resd 1                          ; CONFADD value of the function being looked at
pci_id:         resd 1
pm_base:        resd 1                          ; I/O address of the PIIX4 power management registers, 0: none
disk_ports:     resd 1                          ; command block of the first ATA disk, 0: none
disk_select:    resd 1                          ; its device bit, in place for the device/head register
disk_sectors:   resd 1
read_total:     resd 1
read_done:      resd 1
read_crc:       resd 1
read_start:     resd 1
console_line_start: resd 1                      ; cell index where the edited line starts
line_length:    resd 1
line_cursor:    resd 1
line:           resb LINE_MAX + 1
last_line:      resb LINE_MAX + 1
brand:          resb 49
                resb 3
palette_phase:  resd 1
crc_table:      resd 256
identify:       resw 256
text_copy:      resw 80 * 25
disk_buffer:    resb CHUNK * 512
variables_end:
