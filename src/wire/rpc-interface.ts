/**
 * RPC interfaces by UUID and their operations by number, as far as a defender wants to read them by name: those of the open specifications that
 * administration, discovery, lateral movement, credential theft and coerced authentication go through. Operation names follow the open
 * specification of the interface, without its R, Idl_ and IDL_ prefixes.
 */

export interface RpcInterface {
  /** Lower case with dashes. */
  readonly uuid: string;
  /** Short name as the field uses it: the pipe's or the IDL's. */
  readonly name: string;
  /** Open specification that describes it. */
  readonly source: string;
  /** Operation names by number; a hole has none. */
  readonly operations: readonly (string | undefined)[];
}

/** Names in order from 0; `12:` jumps to number 12. */
function operations(list: string): (string | undefined)[] {
  const names: (string | undefined)[] = [];
  let next = 0;
  for (const word of list.split(/\s+/)) {
    if (word === '') continue;
    if (word.endsWith(':')) next = Number(word.slice(0, -1));
    else names[next++] = word;
  }
  return names;
}

const EFSRPC =
  'EfsRpcOpenFileRaw EfsRpcReadFileRaw EfsRpcWriteFileRaw EfsRpcCloseRaw EfsRpcEncryptFileSrv EfsRpcDecryptFileSrv EfsRpcQueryUsersOnFile EfsRpcQueryRecoveryAgents EfsRpcRemoveUsersFromFile EfsRpcAddUsersToFile 11: EfsRpcNotSupported EfsRpcFileKeyInfo EfsRpcDuplicateEncryptionInfoFile 15: EfsRpcAddUsersToFileEx EfsRpcFileKeyInfoEx 18: EfsRpcGetEncryptedFileMetadata EfsRpcSetEncryptedFileMetadata EfsRpcFlushEfsCache EfsRpcEncryptFileExSrv EfsRpcQueryProtectors';

/** uuid, name, source, operations. Every DCOM interface inherits three operations of IUnknown, so its own begin at 3. */
const LIST: readonly (readonly [string, string, string, string])[] = [
  [
    'e1af8308-5d1f-11c9-91a4-08002b14a0fa',
    'epmapper',
    'C706 appendix O',
    'ept_insert ept_delete ept_lookup ept_map ept_lookup_handle_free ept_inq_object ept_mgmt_delete',
  ],
  [
    'afa8bd80-7d8a-11c9-bef4-08002b102989',
    'mgmt',
    'C706 appendix Q',
    'rpc__mgmt_inq_if_ids rpc__mgmt_inq_stats rpc__mgmt_is_server_listening rpc__mgmt_stop_server_listening rpc__mgmt_inq_princ_name',
  ],
  [
    'e3514235-4b06-11d1-ab04-00c04fc2dcd2',
    'drsuapi',
    'MS-DRSR',
    'DsBind DsUnbind DsReplicaSync DsGetNCChanges DsReplicaUpdateRefs DsReplicaAdd DsReplicaDel DsReplicaModify DsVerifyNames DsGetMemberships DsInterDomainMove DsGetNT4ChangeLog DsCrackNames DsWriteAccountSpn DsRemoveDsServer DsRemoveDsDomain DsDomainControllerInfo DsAddEntry DsExecuteKCC DsReplicaGetInfo DsAddSidHistory DsGetMemberships2 DsReplicaVerifyObjects DsGetObjectExistence DsQuerySitesByCost DsInitDemotion DsReplicaDemotion DsFinishDemotion DsAddCloneDC DsWriteNgcKey DsReadNgcKey',
  ],
  ['7c44d7d4-31d5-424c-bd5e-2b3e1f323d22', 'dsaop', 'MS-DRSR', 'DsaPrepareScript DsaExecuteScript'],
  [
    '367abb81-9844-35f1-ad32-98f038001003',
    'svcctl',
    'MS-SCMR',
    'CloseServiceHandle ControlService DeleteService LockServiceDatabase QueryServiceObjectSecurity SetServiceObjectSecurity QueryServiceStatus SetServiceStatus UnlockServiceDatabase NotifyBootConfigStatus 11: ChangeServiceConfigW CreateServiceW EnumDependentServicesW EnumServicesStatusW OpenSCManagerW OpenServiceW QueryServiceConfigW QueryServiceLockStatusW StartServiceW GetServiceDisplayNameW GetServiceKeyNameW 23: ChangeServiceConfigA CreateServiceA EnumDependentServicesA EnumServicesStatusA OpenSCManagerA OpenServiceA QueryServiceConfigA QueryServiceLockStatusA StartServiceA GetServiceDisplayNameA GetServiceKeyNameA 35: EnumServiceGroupW ChangeServiceConfig2A ChangeServiceConfig2W QueryServiceConfig2A QueryServiceConfig2W QueryServiceStatusEx EnumServicesStatusExA EnumServicesStatusExW 44: CreateServiceWOW64A CreateServiceWOW64W 47: NotifyServiceStatusChange GetNotifyResults CloseNotifyHandle ControlServiceExA ControlServiceExW 56: QueryServiceConfigEx 60: CreateWowService 64: OpenSCManager2',
  ],
  ['1ff70682-0a51-30e8-076d-740be8cee98b', 'atsvc', 'MS-TSCH', 'NetrJobAdd NetrJobDel NetrJobEnum NetrJobGetInfo'],
  [
    '378e52b0-c0a9-11cf-822d-00aa0051e40f',
    'sasec',
    'MS-TSCH',
    'SASetAccountInformation SASetNSAccountInformation SAGetNSAccountInformation SAGetAccountInformation',
  ],
  [
    '86d35949-83c9-4044-b424-db363231fd0c',
    'ITaskSchedulerService',
    'MS-TSCH',
    'SchRpcHighestVersion SchRpcRegisterTask SchRpcRetrieveTask SchRpcCreateFolder SchRpcSetSecurity SchRpcGetSecurity SchRpcEnumFolders SchRpcEnumTasks SchRpcEnumInstances SchRpcGetInstanceInfo SchRpcStopInstance SchRpcStop SchRpcRun SchRpcDelete SchRpcRename SchRpcScheduledRuntimes SchRpcGetLastRunInfo SchRpcGetTaskInfo SchRpcGetNumberOfMissedRuns SchRpcEnableTask',
  ],
  [
    '338cd001-2244-31f1-aaaa-900038001003',
    'winreg',
    'MS-RRP',
    'OpenClassesRoot OpenCurrentUser OpenLocalMachine OpenPerformanceData OpenUsers BaseRegCloseKey BaseRegCreateKey BaseRegDeleteKey BaseRegDeleteValue BaseRegEnumKey BaseRegEnumValue BaseRegFlushKey BaseRegGetKeySecurity BaseRegLoadKey 15: BaseRegOpenKey BaseRegQueryInfoKey BaseRegQueryValue BaseRegReplaceKey BaseRegRestoreKey BaseRegSaveKey BaseRegSetKeySecurity BaseRegSetValue BaseRegUnLoadKey BaseInitiateSystemShutdown BaseAbortSystemShutdown BaseRegGetVersion OpenCurrentConfig 29: BaseRegQueryMultipleValues BaseInitiateSystemShutdownEx BaseRegSaveKeyEx OpenPerformanceText OpenPerformanceNlsText BaseRegQueryMultipleValues2 BaseRegDeleteKeyEx',
  ],
  [
    '12345778-1234-abcd-ef00-0123456789ac',
    'samr',
    'MS-SAMR',
    'SamrConnect SamrCloseHandle SamrSetSecurityObject SamrQuerySecurityObject 5: SamrLookupDomainInSamServer SamrEnumerateDomainsInSamServer SamrOpenDomain SamrQueryInformationDomain SamrSetInformationDomain SamrCreateGroupInDomain SamrEnumerateGroupsInDomain SamrCreateUserInDomain SamrEnumerateUsersInDomain SamrCreateAliasInDomain SamrEnumerateAliasesInDomain SamrGetAliasMembership SamrLookupNamesInDomain SamrLookupIdsInDomain SamrOpenGroup SamrQueryInformationGroup SamrSetInformationGroup SamrAddMemberToGroup SamrDeleteGroup SamrRemoveMemberFromGroup SamrGetMembersInGroup SamrSetMemberAttributesOfGroup SamrOpenAlias SamrQueryInformationAlias SamrSetInformationAlias SamrDeleteAlias SamrAddMemberToAlias SamrRemoveMemberFromAlias SamrGetMembersInAlias SamrOpenUser SamrDeleteUser SamrQueryInformationUser SamrSetInformationUser SamrChangePasswordUser SamrGetGroupsForUser SamrQueryDisplayInformation SamrGetDisplayEnumerationIndex 44: SamrGetUserDomainPasswordInformation SamrRemoveMemberFromForeignDomain SamrQueryInformationDomain2 SamrQueryInformationUser2 SamrQueryDisplayInformation2 SamrGetDisplayEnumerationIndex2 SamrCreateUser2InDomain SamrQueryDisplayInformation3 SamrAddMultipleMembersToAlias SamrRemoveMultipleMembersFromAlias SamrOemChangePasswordUser2 SamrUnicodeChangePasswordUser2 SamrGetDomainPasswordInformation SamrConnect2 SamrSetInformationUser2 62: SamrConnect4 64: SamrConnect5 SamrRidToSid SamrSetDSRMPassword SamrValidatePassword 73: SamrUnicodeChangePasswordUser4',
  ],
  [
    '12345778-1234-abcd-ef00-0123456789ab',
    'lsarpc',
    'MS-LSAD, MS-LSAT',
    'LsarClose 2: LsarEnumeratePrivileges LsarQuerySecurityObject LsarSetSecurityObject 6: LsarOpenPolicy LsarQueryInformationPolicy LsarSetInformationPolicy 10: LsarCreateAccount LsarEnumerateAccounts LsarCreateTrustedDomain LsarEnumerateTrustedDomains LsarLookupNames LsarLookupSids LsarCreateSecret LsarOpenAccount LsarEnumeratePrivilegesAccount LsarAddPrivilegesToAccount LsarRemovePrivilegesFromAccount 23: LsarGetSystemAccessAccount LsarSetSystemAccessAccount LsarOpenTrustedDomain LsarQueryInfoTrustedDomain LsarSetInformationTrustedDomain LsarOpenSecret LsarSetSecret LsarQuerySecret LsarLookupPrivilegeValue LsarLookupPrivilegeName LsarLookupPrivilegeDisplayName LsarDeleteObject LsarEnumerateAccountsWithUserRight LsarEnumerateAccountRights LsarAddAccountRights LsarRemoveAccountRights LsarQueryTrustedDomainInfo LsarSetTrustedDomainInfo LsarDeleteTrustedDomain LsarStorePrivateData LsarRetrievePrivateData LsarOpenPolicy2 LsarGetUserName LsarQueryInformationPolicy2 LsarSetInformationPolicy2 LsarQueryTrustedDomainInfoByName LsarSetTrustedDomainInfoByName LsarEnumerateTrustedDomainsEx LsarCreateTrustedDomainEx 53: LsarQueryDomainInformationPolicy LsarSetDomainInformationPolicy LsarOpenTrustedDomainByName 57: LsarLookupSids2 LsarLookupNames2 LsarCreateTrustedDomainEx2 68: LsarLookupNames3 73: LsarQueryForestTrustInformation LsarSetForestTrustInformation 76: LsarLookupSids3 LsarLookupNames4',
  ],
  [
    '4b324fc8-1670-01d3-1278-5a47bf6ee188',
    'srvsvc',
    'MS-SRVS',
    '8: NetrConnectionEnum NetrFileEnum NetrFileGetInfo NetrFileClose NetrSessionEnum NetrSessionDel NetrShareAdd NetrShareEnum NetrShareGetInfo NetrShareSetInfo NetrShareDel NetrShareDelSticky NetrShareCheck NetrServerGetInfo NetrServerSetInfo NetrServerDiskEnum NetrServerStatisticsGet NetrServerTransportAdd NetrServerTransportEnum NetrServerTransportDel NetrRemoteTOD 30: NetprPathType NetprPathCanonicalize NetprPathCompare NetprNameValidate NetprNameCanonicalize NetprNameCompare NetrShareEnumSticky NetrShareDelStart NetrShareDelCommit NetrpGetFileSecurity NetrpSetFileSecurity NetrServerTransportAddEx 43: NetrDfsGetVersion 53: NetrServerTransportDelEx NetrServerAliasAdd NetrServerAliasEnum NetrServerAliasDel NetrShareDelEx',
  ],
  [
    '6bffd098-a112-3610-9833-46c3f87e345a',
    'wkssvc',
    'MS-WKST',
    'NetrWkstaGetInfo NetrWkstaSetInfo NetrWkstaUserEnum 5: NetrWkstaTransportEnum NetrWkstaTransportAdd NetrWkstaTransportDel NetrUseAdd NetrUseGetInfo NetrUseDel NetrUseEnum 13: NetrWorkstationStatisticsGet 20: NetrGetJoinInformation 22: NetrJoinDomain2 NetrUnjoinDomain2 NetrRenameMachineInDomain2 NetrValidateName2 NetrGetJoinableOUs2 NetrAddAlternateComputerName NetrRemoveAlternateComputerName NetrSetPrimaryComputerName NetrEnumerateComputerNames',
  ],
  [
    '12345678-1234-abcd-ef00-01234567cffb',
    'netlogon',
    'MS-NRPC',
    'NetrLogonUasLogon NetrLogonUasLogoff NetrLogonSamLogon NetrLogonSamLogoff NetrServerReqChallenge NetrServerAuthenticate NetrServerPasswordSet NetrDatabaseDeltas NetrDatabaseSync NetrAccountDeltas NetrAccountSync NetrGetDCName NetrLogonControl NetrGetAnyDCName NetrLogonControl2 NetrServerAuthenticate2 NetrDatabaseSync2 NetrDatabaseRedo NetrLogonControl2Ex NetrEnumerateTrustedDomains DsrGetDcName NetrLogonGetCapabilities NetrLogonSetServiceBits NetrLogonGetTrustRid NetrLogonComputeServerDigest NetrLogonComputeClientDigest NetrServerAuthenticate3 DsrGetDcNameEx DsrGetSiteName NetrLogonGetDomainInfo NetrServerPasswordSet2 NetrServerPasswordGet NetrLogonSendToSam DsrAddressToSiteNamesW DsrGetDcNameEx2 NetrLogonGetTimeServiceParentDomain NetrEnumerateTrustedDomainsEx DsrAddressToSiteNamesExW DsrGetDcSiteCoverageW NetrLogonSamLogonEx DsrEnumerateDomainTrusts DsrDeregisterDnsHostRecords NetrServerTrustPasswordsGet DsrGetForestTrustInformation NetrGetForestTrustInformation NetrLogonSamLogonWithFlags NetrServerGetTrustInfo 48: DsrUpdateReadOnlyServerDnsRecords NetrChainSetClientAttributes 59: NetrServerAuthenticateKerberos',
  ],
  [
    '12345678-1234-abcd-ef00-0123456789ab',
    'spoolss',
    'MS-RPRN',
    'RpcEnumPrinters RpcOpenPrinter RpcSetJob RpcGetJob RpcEnumJobs RpcAddPrinter RpcDeletePrinter RpcSetPrinter RpcGetPrinter RpcAddPrinterDriver RpcEnumPrinterDrivers RpcGetPrinterDriver RpcGetPrinterDriverDirectory RpcDeletePrinterDriver RpcAddPrintProcessor RpcEnumPrintProcessors RpcGetPrintProcessorDirectory RpcStartDocPrinter RpcStartPagePrinter RpcWritePrinter RpcEndPagePrinter RpcAbortPrinter RpcReadPrinter RpcEndDocPrinter RpcAddJob RpcScheduleJob RpcGetPrinterData RpcSetPrinterData RpcWaitForPrinterChange RpcClosePrinter RpcAddForm RpcDeleteForm RpcGetForm RpcSetForm RpcEnumForms RpcEnumPorts RpcEnumMonitors 46: RpcAddMonitor RpcDeleteMonitor RpcDeletePrintProcessor 56: RpcFindClosePrinterChangeNotification 58: RpcReplyOpenPrinter RpcRouterReplyPrinter RpcReplyClosePrinter 62: RpcRemoteFindFirstPrinterChangeNotification 65: RpcRemoteFindFirstPrinterChangeNotificationEx RpcRouterReplyPrinterEx RpcRouterRefreshPrinterChangeNotification 69: RpcOpenPrinterEx RpcAddPrinterEx RpcSetPort RpcEnumPrinterData RpcDeletePrinterData 77: RpcSetPrinterDataEx RpcGetPrinterDataEx RpcEnumPrinterDataEx RpcEnumPrinterKey RpcDeletePrinterDataEx RpcDeletePrinterKey 84: RpcDeletePrinterDriverEx RpcAddPerMachineConnection RpcDeletePerMachineConnection RpcEnumPerMachineConnections RpcXcvData RpcAddPrinterDriverEx 97: RpcSendRecvBidiData 102: RpcGetCorePrinterDrivers 104: RpcGetPrinterDriverPackagePath',
  ],
  [
    '76f03f96-cdfd-44fc-a22c-64950a001209',
    'IRemoteWinspool',
    'MS-PAR',
    'RpcAsyncOpenPrinter RpcAsyncAddPrinter RpcAsyncSetJob RpcAsyncGetJob RpcAsyncEnumJobs RpcAsyncAddJob RpcAsyncScheduleJob RpcAsyncDeletePrinter RpcAsyncSetPrinter RpcAsyncGetPrinter RpcAsyncStartDocPrinter RpcAsyncStartPagePrinter RpcAsyncWritePrinter RpcAsyncEndPagePrinter RpcAsyncEndDocPrinter RpcAsyncAbortPrinter RpcAsyncGetPrinterData RpcAsyncGetPrinterDataEx RpcAsyncSetPrinterData RpcAsyncSetPrinterDataEx RpcAsyncClosePrinter 38: RpcAsyncEnumPrinters RpcAsyncAddPrinterDriver RpcAsyncEnumPrinterDrivers RpcAsyncGetPrinterDriverDirectory RpcAsyncDeletePrinterDriver RpcAsyncDeletePrinterDriverEx RpcAsyncAddPrintProcessor RpcAsyncEnumPrintProcessors 58: RpcSyncRegisterForRemoteNotifications 62: RpcAsyncInstallPrinterDriverFromPackage RpcAsyncUploadPrinterDriverPackage',
  ],
  ['c681d488-d850-11d0-8c52-00c04fd90f7e', 'efsrpc', 'MS-EFSR, over the lsarpc pipe', EFSRPC],
  ['df1941c5-fe89-4e79-bf10-463657acf44d', 'efsrpc', 'MS-EFSR', EFSRPC],
  [
    'a8e0653c-2744-4389-a61d-7373df8b2292',
    'fsrvp',
    'MS-FSRVP',
    'GetSupportedVersion SetContext StartShadowCopySet AddToShadowCopySet CommitShadowCopySet ExposeShadowCopySet RecoveryCompleteShadowCopySet AbortShadowCopySet IsPathSupported IsPathShadowCopied GetShareMapping DeleteShareMapping PrepareShadowCopySet',
  ],
  [
    '4fc742e0-4a10-11cf-8273-00aa004ae673',
    'netdfs',
    'MS-DFSNM',
    'NetrDfsManagerGetVersion NetrDfsAdd NetrDfsRemove NetrDfsSetInfo NetrDfsGetInfo NetrDfsEnum NetrDfsMove 10: NetrDfsAddFtRoot NetrDfsRemoveFtRoot NetrDfsAddStdRoot NetrDfsRemoveStdRoot NetrDfsManagerInitialize NetrDfsAddStdRootForced NetrDfsGetDcAddress NetrDfsSetDcAddress NetrDfsFlushFtTable NetrDfsAdd2 NetrDfsRemove2 NetrDfsEnumEx NetrDfsSetInfo2 NetrDfsAddRootTarget NetrDfsRemoveRootTarget NetrDfsGetSupportedNamespaceVersion',
  ],
  [
    '82273fdc-e32a-18c3-3f78-827929dc23ea',
    'eventlog',
    'MS-EVEN',
    'ElfrClearELFW ElfrBackupELFW ElfrCloseEL ElfrDeregisterEventSource ElfrNumberOfRecords ElfrOldestRecord ElfrChangeNotify ElfrOpenELW ElfrRegisterEventSourceW ElfrOpenBELW ElfrReadELW ElfrReportEventW ElfrClearELFA ElfrBackupELFA ElfrOpenELA ElfrRegisterEventSourceA ElfrOpenBELA ElfrReadELA ElfrReportEventA 22: ElfrGetLogInformation 24: ElfrReportEventAndSourceW ElfrReportEventExW ElfrReportEventExA',
  ],
  [
    'f6beaff7-1e19-4fbb-9f8f-b89e2018337c',
    'IEventService',
    'MS-EVEN6',
    'EvtRpcRegisterRemoteSubscription EvtRpcRemoteSubscriptionNextAsync EvtRpcRemoteSubscriptionNext EvtRpcRemoteSubscriptionWaitAsync EvtRpcRegisterControllableOperation EvtRpcRegisterLogQuery EvtRpcClearLog EvtRpcExportLog EvtRpcLocalizeExportLog EvtRpcMessageRender EvtRpcMessageRenderDefault EvtRpcQueryNext EvtRpcQuerySeek EvtRpcClose EvtRpcCancel EvtRpcAssertConfig EvtRpcRetractConfig EvtRpcOpenLogHandle EvtRpcGetLogFileInfo EvtRpcGetChannelList EvtRpcGetChannelConfig EvtRpcPutChannelConfig',
  ],
  ['6bffd098-a112-3610-9833-46c3f874532d', 'dhcpsrv', 'MS-DHCPM', ''],
  ['5b821720-f63b-11d0-aad2-00c04fc324db', 'dhcpsrv2', 'MS-DHCPM', ''],
  ['3c4728c5-f0ab-448b-bda1-6ce01eb0a6d5', 'dhcpcsvc', 'Windows DHCP client', ''],
  ['3c4728c5-f0ab-448b-bda1-6ce01eb0a6d6', 'dhcpcsvc6', 'Windows DHCP client', ''],
  [
    '50abc2a4-574d-40b3-9d66-ee4fd5fba076',
    'dnsserver',
    'MS-DNSP',
    'DnssrvOperation DnssrvQuery DnssrvComplexOperation DnssrvEnumRecords DnssrvUpdateRecord DnssrvOperation2 DnssrvQuery2 DnssrvComplexOperation2 DnssrvEnumRecords2 DnssrvUpdateRecord2',
  ],
  [
    '000001a0-0000-0000-c000-000000000046',
    'ISystemActivator',
    'MS-DCOM, there IRemoteSCMActivator',
    '3: RemoteGetClassObject RemoteCreateInstance',
  ],
  ['4d9f4ab8-7d1c-11cf-861e-0020af6e7c57', 'IActivation', 'MS-DCOM', 'RemoteActivation'],
  [
    '99fcfec4-5260-101b-bbcb-00aa0021347a',
    'IOXIDResolver',
    'MS-DCOM, there IObjectExporter',
    'ResolveOxid SimplePing ComplexPing ServerAlive ResolveOxid2 ServerAlive2',
  ],
  ['00000131-0000-0000-c000-000000000046', 'IRemUnknown', 'MS-DCOM', '3: RemQueryInterface RemAddRef RemRelease'],
  [
    '00000143-0000-0000-c000-000000000046',
    'IRemUnknown2',
    'MS-DCOM',
    '3: RemQueryInterface RemAddRef RemRelease RemQueryInterface2',
  ],
  [
    '00020400-0000-0000-c000-000000000046',
    'IDispatch',
    'MS-OAUT',
    '3: GetTypeInfoCount GetTypeInfo GetIDsOfNames Invoke',
  ],
  [
    'f309ad18-d86a-11d0-a075-00c04fb68820',
    'IWbemLevel1Login',
    'MS-WMI',
    '3: EstablishPosition RequestChallenge WBEMLogin NTLMLogin',
  ],
  ['d4781cd6-e5d3-44df-ad94-930efe48a887', 'IWbemLoginClientID', 'MS-WMI', '3: SetClientInfo'],
  ['9f6c78ef-fce5-42fa-abea-3e7df91921dc', 'IWbemLoginClientIDEx', 'Windows WMI', '3: SetClientInfoEx'],
  [
    '9556dc99-828c-11cf-a37e-00aa003240c7',
    'IWbemServices',
    'MS-WMI',
    '3: OpenNamespace CancelAsyncCall QueryObjectSink GetObject GetObjectAsync PutClass PutClassAsync DeleteClass DeleteClassAsync CreateClassEnum CreateClassEnumAsync PutInstance PutInstanceAsync DeleteInstance DeleteInstanceAsync CreateInstanceEnum CreateInstanceEnumAsync ExecQuery ExecQueryAsync ExecNotificationQuery ExecNotificationQueryAsync ExecMethod ExecMethodAsync',
  ],
  ['027947e1-d731-11ce-a357-000000000001', 'IEnumWbemClassObject', 'MS-WMI', '3: Reset Next NextAsync Clone Skip'],
  ['1c1c45ee-4395-11d2-b60b-00104b703efd', 'IWbemFetchSmartEnum', 'MS-WMI', '3: GetSmartEnum'],
  ['423ec01e-2e35-11d2-b604-00104b703efd', 'IWbemWCOSmartEnum', 'MS-WMI', '3: Next'],
  ['7c857801-7381-11cf-884d-00aa004b2e24', 'IWbemObjectSink', 'MS-WMI', '3: Indicate SetStatus'],
  [
    '894de0c0-0d55-11d3-a322-00c04fa321a1',
    'initshutdown',
    'MS-RSP',
    'BaseInitiateShutdown BaseAbortShutdown BaseInitiateShutdownEx',
  ],
  ['d95afe70-a6d5-4259-822e-2c84da1ddb0d', 'WindowsShutdown', 'MS-RSP', 'WsdrInitiateShutdown WsdrAbortShutdown'],
  ['3919286a-b10c-11d0-9ba8-00c04fd92ef5', 'dssetup', 'MS-DSSP', 'DsRolerGetPrimaryDomainInformation'],
  ['3dde7c30-165d-11d1-ab8f-00805f14db40', 'backupkey', 'MS-BKRP', 'BackuprKey'],
  ['b9785960-524f-11df-8b6d-83dcded72085', 'ISDKey', 'MS-GKDI', 'GetKey'],
  ['91ae6020-9e3c-11cf-8d7c-00aa00c091be', 'ICertPassage', 'MS-ICPR', 'CertServerRequest'],
  ['d99e6e70-fc88-11d0-b498-00a0c90312f3', 'ICertRequestD', 'MS-WCCE', '3: Request GetCACert Ping'],
  [
    '5422fd3a-d4b8-4cef-a12e-e87d4ca22e90',
    'ICertRequestD2',
    'MS-WCCE',
    '3: Request GetCACert Ping Request2 GetCAProperty GetCAPropertyInfo Ping2',
  ],
  ['d99e6e71-fc88-11d0-b498-00a0c90312f3', 'ICertAdminD', 'MS-CSRA', ''],
  ['8d9f4e40-a03d-11ce-8f69-08003e30051b', 'pnp', 'Windows Plug and Play', ''],
  ['f5cc59b4-4264-101a-8c59-08002b2f8426', 'frsrpc', 'MS-FRS1', ''],
  ['897e2e5f-93f3-4376-9c9c-fd2277495c27', 'frstrans', 'MS-FRS2', ''],
  ['6bffd098-a112-3610-9833-012892020162', 'browser', 'MS-BRWSA', ''],
  ['5a7b91f8-ff00-11d0-a9b2-00c04fb6e6fc', 'msgsvcsend', 'MS-MSRP', 'NetrSendMessage'],
  ['17fdd703-1827-4e34-79d4-24a55c53bb37', 'msgsvc', 'MS-MSRP', ''],
  ['300f3532-38cc-11d0-a3f0-0020af6b0add', 'trkwks', 'MS-DLTW', 'LnkMendLink'],
  ['8fb6d884-2388-11d0-8c35-00c04fda2795', 'w32time', 'MS-W32T', ''],
  ['8f09f000-b7ed-11ce-bbd2-00001a181cad', 'rasrpc', 'MS-RRASM', ''],
  ['2f5f6520-ca46-1067-b319-00dd010662da', 'tapsrv', 'MS-TRP', 'ClientAttach ClientRequest ClientDetach'],
  ['b97db8b2-4c63-11cf-bff6-08002be23f2f', 'clusapi', 'MS-CMRP', ''],
  ['ccd8c074-d0e5-4a40-92b4-d074faa6ba28', 'witness', 'MS-SWN', ''],
  ['906b0ce0-c70b-1067-b317-00dd010662da', 'IXnRemote', 'MS-CMPO', ''],
  ['f5cc5a18-4264-101a-8c59-08002b2f8426', 'nspi', 'MS-NSPI', ''],
  ['1544f5e0-613c-11d1-93df-00c04fd7bd09', 'rfri', 'MS-OXABREF', ''],
  ['a4f1db00-ca47-1067-b31f-00dd010662da', 'emsmdb', 'MS-OXCRPC', ''],
  ['5ca4a760-ebb1-11cf-8611-00a0245420ed', 'winstation_rpc', 'MS-TSTS', ''],
  ['484809d6-4239-471b-b5bc-61df8c23ac48', 'TermSrvSession', 'MS-TSTS', ''],
  ['88143fd0-c28d-4b2b-8fef-8d882f6a9390', 'TermSrvEnumeration', 'MS-TSTS', ''],
  ['bde95fdf-eee0-45de-9e12-e5a61cd0d4fe', 'RCMPublic', 'MS-TSTS', ''],
  [
    '17fc11e9-c258-4b8d-8d07-2f4125156244',
    'mimicom',
    'mimikatz, module rpc: not a part of Windows',
    'MimiBind MimiUnbind MimiCommand MimiClear',
  ],
];

/** All known interfaces. */
export const RPC_INTERFACES: readonly RpcInterface[] = LIST.map(([uuid, name, source, list]) => ({
  uuid,
  name,
  source,
  operations: operations(list),
}));

const BY_UUID: ReadonlyMap<string, RpcInterface> = new Map(RPC_INTERFACES.map((entry) => [entry.uuid, entry]));

/** The interface with this UUID (lower case with dashes), or undefined when it is not in the table. */
export function rpcInterface(uuid: string): RpcInterface | undefined {
  return BY_UUID.get(uuid);
}
