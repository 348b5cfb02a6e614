package milvusbackup_test

import (
	"errors"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/milvus-backup/milvus-backup/clients/go/backuppb"
	"github.com/milvus-backup/milvus-backup/clients/go/core"
	"github.com/milvus-backup/milvus-backup/clients/go/milvusbackup"
)

func TestCoreReturnsFailuresAsCodes(t *testing.T) {
	server := serverWithStates()
	backup := core.CreateBackupContext(testContext(t), connect(t, server))
	if err := backup.Start(); !errors.Is(err, milvusbackup.ErrUnsupported) {
		t.Errorf("a server without a health service: %v", err)
	}
	missing := backup.GetBackup(testContext(t), &backuppb.GetBackupRequest{RequestId: "r", BackupName: "missing"})
	if missing.GetCode() != backuppb.ResponseCode_Request_Object_Not_Found || missing.GetRequestId() != "r" {
		t.Errorf("%v", missing)
	}
	withoutID := backup.GetBackup(testContext(t), &backuppb.GetBackupRequest{BackupName: "missing"})
	if withoutID.GetRequestId() != "id-of-the-server" {
		t.Errorf("the response lacks the request id of the server: %v", withoutID)
	}
	server.createGoTool = func() (*backuppb.BackupInfoResponse, error) {
		return nil, status.Error(codes.NotFound, "no such collection")
	}
	failed := backup.CreateBackup(testContext(t), &backuppb.CreateBackupRequest{BackupName: "nightly"})
	if failed.GetCode() != backuppb.ResponseCode_Fail || failed.GetMsg() != "no such collection" || len(failed.GetRequestId()) != 36 {
		t.Errorf("%v", failed)
	}
	server.createGoTool = nil
	created := backup.CreateBackup(testContext(t), &backuppb.CreateBackupRequest{BackupName: "nightly"})
	if created.GetCode() != backuppb.ResponseCode_Success || created.GetData().GetName() != "nightly" {
		t.Errorf("%v", created)
	}
	list := backup.ListBackups(testContext(t), &backuppb.ListBackupsRequest{})
	if list.GetCode() != backuppb.ResponseCode_Not_Support || !strings.Contains(list.GetMsg(), "ListBackups") {
		t.Errorf("%v", list)
	}
}
