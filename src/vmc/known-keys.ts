/** The keys that the products are known to write. `{}` stands for an id, `{a,b}` for alternatives. */
const KNOWN_KEYS = `
version
alerts/notifications/no_boot_disk
hardware/memory/ram_size
hardware/pci_bus/ethernet_adapter/controller_count
hardware/pci_bus/ethernet_adapter/ethernet_controller[@id={}]/virtual_network/{id,name}
hardware/pci_bus/ethernet_adapter/ethernet_controller[@id={}]/ethernet_card_address
hardware/pci_bus/video_adapter/vram_size
hardware/pci_bus/ide_adapter/ide_controller[@id={}]/location[@id={}]/drive_type
hardware/pci_bus/ide_adapter/ide_controller[@id={}]/location[@id={}]/{pathname,undo_pathname}/{absolute,relative}
hardware/pci_bus/scsi_adapter/scsi_controller[@id={}]/location[@id={}]/drive_type
hardware/pci_bus/scsi_adapter/scsi_controller[@id={}]/location[@id={}]/{pathname,undo_pathname}/{absolute,relative}
hardware/standard/{name,version}
hardware/super_io/floppy[@id={}]/pathname/{absolute,relative}
hardware/super_io/floppy/auto_detect
hardware/super_io/parallel_port/{port_shared,port_type}
hardware/super_io/serial_port/connect_immediately
hardware/super_io/serial_port[@id={}]/{port_type,text_file_path,pipe_name,port_name,connect_immediately}
hardware/bios/{bios_guid,bios_serial_number,cmos,time_bytes,time_sync_at_boot}
hardware/bios/base_board/serial_number
hardware/bios/chassis/{asset_tag,serial_number}
integration/microsoft/mouse/allow
integration/microsoft/version/additions_number
integration/microsoft/version/guest_os/{build_number,long_name,revision_number,short_name,suite_name}
integration/microsoft/video/user_selected/{depth,height,width}
integration/microsoft/host_time_sync/enabled
integration/microsoft/heartbeat/{rate,time,failure_interval,failure_attempts}
properties/{creator,modifier}/{name,build}
settings/configuration/saved_state/path/{absolute,relative}
settings/configuration/{next_id,notes}
settings/shutdown/{prompt,force_action}
settings/shutdown/quit/{action,was_running}
settings/shutdown/{save,shutdown,turn_off}/enable
settings/shutdown/last_shutdown/{choice,commit}
settings/sound/sound_adapter/enable
settings/startup/automatic/{type,delay}
settings/undo_drives/{enabled,default_action,purposely_kept,use_default}
settings/video/{disable_resize,full_screen,height,left_position,max_height,max_width,top_position,width}
settings/video/mode/full_screen/startup
settings/video/resolutions/standard_only
settings/{guest_os,globalconfigid}
virtual_machines/hw_assist/enable_hw_assist
virtual_machines/{allow_packet_filtering,allow_promiscuous_mode}
multi_channel
ui_options/{window_xpos,window_ypos,resolution_width,resolution_height,full_screen}
ui_options/{onclose_showmessage,onclose_defaultaction,auto_app_publish,seconds_to_save}
`;

const PATTERNS = new RegExp(
  `^(?:${KNOWN_KEYS.trim()
    .split('\n')
    .map((key) =>
      key.replace(/\{([^}]*)\}|[[\]]/g, (token, names: string | undefined) => {
        if (names === undefined) return `\\${token}`;
        return names === '' ? '\\d+' : `(?:${names.replaceAll(',', '|')})`;
      }),
    )
    .join('|')})$`,
);

export function isKnownKey(key: string): boolean {
  return PATTERNS.test(key);
}
